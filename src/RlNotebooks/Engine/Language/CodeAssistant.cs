using System.Collections.Concurrent;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Completion;

namespace RlNotebooks.Engine.Language;

/// <summary>Answers questions about the cell that is being written: what could come here, what is this.</summary>
public sealed class CodeAssistant : IDisposable
{
    private const int MostItems = 400;

    // Made at the first question: half a second that no cell should wait for.
    private SubmissionWorkspace? workspace;
    private readonly ConcurrentQueue<Submission> compiled = new();
    private readonly SemaphoreSlim gate = new(1);

    /// <summary>Follows a session from now on: what its cells declare is known here.</summary>
    public CodeAssistant(NotebookSession session)
    {
        ArgumentNullException.ThrowIfNull(session);
        session.Script.Compiled += compiled.Enqueue;
    }

    /// <summary>What could be written at a position.</summary>
    /// <param name="code">The cell.</param>
    /// <param name="position">Of the cursor, in UTF-16 units.</param>
    /// <param name="cancellation">Ends the search.</param>
    public Task<Completions> CompleteAsync(string code, int position, CancellationToken cancellation = default) => AskAsync(code, async document =>
    {
        var service = CompletionService.GetService(document) ?? throw new InvalidOperationException("The compiler's completion service is missing.");
        var list = await service.GetCompletionsAsync(document, position, CompletionTrigger.Invoke, cancellationToken: cancellation).ConfigureAwait(false);
        if (list is null || list.ItemsList.Count == 0)
        {
            return new Completions(position, position, []);
        }

        var typed = code[list.Span.Start..position];
        var items = list.ItemsList.Where(i => i.FilterText.StartsWith(typed, StringComparison.OrdinalIgnoreCase));
        // The right case first, then in the order of editors.
        return new Completions(list.Span.Start, list.Span.End,
        [
            .. items.OrderByDescending(i => i.FilterText.StartsWith(typed, StringComparison.Ordinal)).ThenBy(i => i.SortText, StringComparer.OrdinalIgnoreCase)
                .Select(i => new Completion(i.DisplayText, i.Tags.FirstOrDefault() ?? "")).DistinctBy(i => i.Text).Take(MostItems),
        ]);
    }, cancellation);

    /// <summary>What stands at a position; null where nothing is known.</summary>
    /// <param name="code">The cell.</param>
    /// <param name="position">Of the cursor, in UTF-16 units.</param>
    /// <param name="cancellation">Ends the search.</param>
    public Task<SymbolDescription?> DescribeAsync(string code, int position, CancellationToken cancellation = default) =>
        AskAsync(code, document => SymbolDescriber.DescribeAsync(document, position, cancellation), cancellation);

    /// <inheritdoc/>
    public void Dispose()
    {
        workspace?.Dispose();
        gate.Dispose();
    }

    private async Task<T> AskAsync<T>(string code, Func<Document, Task<T>> ask, CancellationToken cancellation)
    {
        await gate.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            workspace ??= new SubmissionWorkspace();
            while (compiled.TryDequeue(out var submission))
            {
                workspace.Add(submission);
            }

            return await ask(workspace.Write(EditedCell.Plain(code))).ConfigureAwait(false);
        }
        finally
        {
            gate.Release();
        }
    }
}

/// <summary>What could be written at a position.</summary>
/// <param name="Start">Of the text that an item replaces.</param>
/// <param name="End">Of the text that an item replaces.</param>
/// <param name="Items">The best first.</param>
public sealed record Completions(int Start, int End, IReadOnlyList<Completion> Items);

/// <summary>One way to go on.</summary>
/// <param name="Text">To be inserted.</param>
/// <param name="Kind">For example <c>Method</c>; empty if unknown.</param>
public sealed record Completion(string Text, string Kind);
