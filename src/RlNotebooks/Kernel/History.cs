using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using RlNotebooks.Kernel.Protocol;

namespace RlNotebooks.Kernel;

/// <summary>What was run in this session, for clients that let one step back through it.</summary>
internal sealed class History
{
    private const int Session = 1;

    private readonly List<(int Number, string Input, string? Output)> entries = [];
    private readonly Lock gate = new();

    public void Add(int number, string input, string? output)
    {
        lock (gate)
        {
            entries.Add((number, input, output));
        }
    }

    /// <summary>Answers a history request.</summary>
    public JsonObject Answer(Message request)
    {
        IEnumerable<(int Number, string Input, string? Output)> found;
        lock (gate)
        {
            found = [.. entries];
        }

        var count = request.Number("n") ?? int.MaxValue;
        found = request.Text("hist_access_type") switch
        {
            "range" => Range(found, request),
            "search" => Search(found, request).TakeLast(count),
            _ => found.TakeLast(count),
        };
        var withOutput = request.Flag("output", false);
        return Replies.Ok(("history", new JsonArray([.. found.Select(e => new JsonArray(
            Session, e.Number, withOutput ? new JsonArray(e.Input, e.Output) : (JsonNode)e.Input))])));
    }

    // Session 0 is the current one; earlier ones are not kept.
    private static IEnumerable<(int Number, string Input, string? Output)> Range(IEnumerable<(int Number, string Input, string? Output)> entries, Message request) =>
        (request.Number("session") ?? 0) is 0 or Session
            ? entries.Where(e => e.Number >= (request.Number("start") ?? 0) && e.Number < (request.Number("stop") ?? int.MaxValue)) : [];

    private static IEnumerable<(int Number, string Input, string? Output)> Search(IEnumerable<(int Number, string Input, string? Output)> entries, Message request)
    {
        // A glob: * any text, ? any character.
        var pattern = new Regex($"^{Regex.Escape(request.Text("pattern") ?? "*").Replace(@"\*", ".*", StringComparison.Ordinal).Replace(@"\?", ".", StringComparison.Ordinal)}$", RegexOptions.Singleline);
        var found = entries.Where(e => pattern.IsMatch(e.Input));
        return request.Flag("unique", false) ? found.GroupBy(e => e.Input).Select(g => g.Last()).OrderBy(e => e.Number) : found;
    }
}
