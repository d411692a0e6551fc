using System.Collections.Immutable;
using System.Text.Json;
using Microsoft.Extensions.AI;

namespace RlPrimitives.Environments;

/// <summary>Says what the problem's columns hold: column after column, or the texts of one column that holds a JSON array. An empty or absent column ends the conversation.</summary>
/// <param name="Columns">Names of <see cref="Problem.Fields"/>, at least one.</param>
public sealed record ColumnPartner(params ImmutableArray<string> Columns) : IConversationPartner
{
    /// <summary>Names of <see cref="Problem.Fields"/>.</summary>
    public ImmutableArray<string> Columns { get; } = Columns.Length > 0 ? Columns : throw new ArgumentException("Name at least one column to say.", nameof(Columns));

    /// <inheritdoc/>
    /// <exception cref="InvalidDataException">A single column begins like a JSON array of texts and is none.</exception>
    public ValueTask<string?> ReplyAsync(Problem problem, IReadOnlyList<Message> conversation, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(problem);
        var answers = conversation.Count(m => m.Role == ChatRole.Assistant);
        var texts = Columns.Select(c => problem.Fields.GetValueOrDefault(c, "")).ToArray();
        if (texts.Length == 1 && texts[0].StartsWith('['))
        {
            texts = Texts(problem, texts[0]);
        }

        return ValueTask.FromResult(answers <= texts.Length && texts[answers - 1].Length > 0 ? texts[answers - 1] : null);
    }

    private string[] Texts(Problem problem, string json)
    {
        try
        {
            return JsonSerializer.Deserialize<string[]>(json)!;
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"Problem '{problem.Id}': column '{Columns[0]}' begins with '[' but is not a JSON array of texts ({e.Message})", e);
        }
    }
}
