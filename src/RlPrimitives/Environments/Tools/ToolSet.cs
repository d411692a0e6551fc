using System.Diagnostics;
using System.Text.Json;
using Microsoft.Extensions.AI;

namespace RlPrimitives.Environments;

/// <summary>Tools by name, called within limits. Whatever goes wrong is a text for the model and a record, never an exception.</summary>
public sealed class ToolSet
{
    private readonly Dictionary<string, AIFunction> byName;
    private readonly ToolOptions options;

    /// <summary>Tools with unique names.</summary>
    /// <param name="tools">At least one; make them with <c>AIFunctionFactory.Create</c>, or take <see cref="Calculator.Tool"/> and <see cref="DocumentSet.Tool"/>. Called concurrently by the episodes of a batch.</param>
    /// <param name="options">Limits; null for the defaults.</param>
    /// <exception cref="ArgumentException">No tools, two of one name, or a cost for a tool that is not there.</exception>
    public ToolSet(IReadOnlyList<AIFunction> tools, ToolOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(tools);
        if (tools.Count == 0)
        {
            throw new ArgumentException("There are no tools; give at least one.", nameof(tools));
        }

        if (tools.GroupBy(t => t.Name).FirstOrDefault(g => g.Count() > 1) is { } twice)
        {
            throw new ArgumentException($"Two tools are named '{twice.Key}'; give each a name of its own.", nameof(tools));
        }

        this.options = options ?? new ToolOptions();
        byName = tools.ToDictionary(t => t.Name, StringComparer.Ordinal);
        if (this.options.Costs.Keys.FirstOrDefault(name => !byName.ContainsKey(name)) is { } unknown)
        {
            throw new ArgumentException($"There is a cost for '{unknown}', but no such tool; there are {Names}.", nameof(options));
        }

        Tools = [.. tools];
    }

    /// <summary>The tools.</summary>
    public IReadOnlyList<AIFunction> Tools { get; }

    /// <summary>The limits.</summary>
    public ToolOptions Options => options;

    private string Names => string.Join(", ", byName.Keys.Order(StringComparer.Ordinal));

    /// <summary>What a call spends.</summary>
    internal int CostOf(ToolRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        return options.Costs.GetValueOrDefault(request.Tool, 1);
    }

    /// <summary>Carries a call out; a mistake, an exception or a missed time limit is a call with an error.</summary>
    /// <param name="request">What the model wrote.</param>
    /// <param name="cancellationToken">Ends the wait, with an <see cref="OperationCanceledException"/>.</param>
    public async Task<ToolCall> CallAsync(ToolRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        if (request.Error is { } error)
        {
            return Refuse(request, error);
        }

        if (!byName.TryGetValue(request.Tool, out var tool))
        {
            return Refuse(request, $"there is no tool '{request.Tool}'; there are {Names}");
        }

        var started = Stopwatch.GetTimestamp();
        using var limit = new CancellationTokenSource(options.Timeout, options.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            var arguments = Bind(tool, request.Arguments);
            // On a thread of its own: the limit holds for a tool that never awaits, too, and many that block leave the pool's threads to everybody else.
            var token = either.Token;
            var result = await Task.Factory.StartNew(() => tool.InvokeAsync(arguments, token).AsTask(), token, TaskCreationOptions.LongRunning, TaskScheduler.Default).Unwrap()
                .WaitAsync(token).ConfigureAwait(false);
            var (text, isCut) = Cut(TextOf(result));
            return Done(text, null, isCut);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            throw;
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested)
        {
            return Failed(FormattableString.Invariant($"no answer within {options.Timeout.TotalSeconds:0.###} s"));
        }
        catch (Exception e)
        {
            return Failed(e.Message); // what a tool throws is an answer, and recorded
        }

        ToolCall Failed(string why)
        {
            var (text, isCut) = Cut($"error: {why}");
            return Done(text, why, isCut);
        }

        ToolCall Done(string text, string? why, bool isCut) =>
            new(request.Tool, request.Arguments, text, why, isCut, Stopwatch.GetElapsedTime(started).TotalSeconds) { Cost = CostOf(request) };
    }

    /// <summary>A call that is not carried out; a mistake of the model spends as any call does.</summary>
    internal ToolCall Refuse(ToolRequest request, string why, bool isFree = false)
    {
        ArgumentNullException.ThrowIfNull(request);
        var (text, isCut) = Cut($"error: {why}");
        return new ToolCall(request.Tool, request.Arguments, text, why, isCut) { Cost = isFree ? 0 : CostOf(request) };
    }

    private static AIFunctionArguments Bind(AIFunction tool, string written)
    {
        if (written.StartsWith('{'))
        {
            using var document = Parse(tool, written);
            return new AIFunctionArguments(document.RootElement.EnumerateObject().ToDictionary(p => p.Name, object? (p) => p.Value.Clone()));
        }

        if (written.Length == 0 && ToolSchema.OnlyParameter(tool) is null)
        {
            return [];
        }

        var name = ToolSchema.OnlyParameter(tool) ?? throw new FormatException($"'{tool.Name}' takes several arguments or none: write them as a JSON object");
        return written.Length > 0 ? new AIFunctionArguments { [name] = written } : throw new FormatException($"'{tool.Name}' needs an argument");
    }

    private static JsonDocument Parse(AIFunction tool, string written)
    {
        try
        {
            return JsonDocument.Parse(written);
        }
        catch (JsonException e)
        {
            throw new FormatException($"the arguments of '{tool.Name}' are not valid JSON: {e.Message}", e);
        }
    }

    private static string TextOf(object? result) => result switch
    {
        null => "",
        string text => text,
        JsonElement { ValueKind: JsonValueKind.String } json => json.GetString()!,
        JsonElement { ValueKind: JsonValueKind.Null or JsonValueKind.Undefined } => "",
        JsonElement json => JsonSerializer.Serialize(json),
        IFormattable value => value.ToString(null, System.Globalization.CultureInfo.InvariantCulture),
        _ => JsonSerializer.Serialize(result, AIJsonUtilities.DefaultOptions),
    };

    private (string Text, bool IsCut) Cut(string text)
    {
        if (text.Length <= options.MaxOutput)
        {
            return (text, false);
        }

        var kept = char.IsHighSurrogate(text[options.MaxOutput - 1]) ? options.MaxOutput - 1 : options.MaxOutput;
        return (FormattableString.Invariant($"{text[..kept]}...(cut, {text.Length - kept} more characters)"), true);
    }
}
