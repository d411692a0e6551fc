using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using RlNotebooks.Engine.Language;
using RlNotebooks.Kernel.Protocol;

namespace RlNotebooks.Kernel;

/// <summary>Answers completion, inspection and completeness requests.</summary>
internal sealed class CodeQuestions(CodeAssistant assistant) : IDisposable
{
    private static readonly TimeSpan Quiet = TimeSpan.FromMilliseconds(300);
    private static readonly TimeSpan FirstQuiet = TimeSpan.FromSeconds(1.5);
    private const string WarmUpCode = "System.Linq.Enumerable.Range(0, 1).Se";

    private Timer? catchUp;

    /// <summary>Has the first question asked before anybody does, once nobody is busy: it takes a second, later ones do not.</summary>
    public void WarmUp()
    {
        catchUp = new Timer(_ => _ = assistant.CompleteAsync(WarmUpCode, WarmUpCode.Length));
        catchUp.Change(FirstQuiet, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Has the new cells taken in once nobody is busy: a hundred of them at the next question would take a second.</summary>
    public void AfterCell() => catchUp?.Change(Quiet, Timeout.InfiniteTimeSpan);

    public async Task<JsonObject> CompleteAsync(Message request)
    {
        var code = request.Text("code") ?? "";
        var found = await assistant.CompleteAsync(code, Utf16(code, request.Number("cursor_pos"))).ConfigureAwait(false);
        var (start, end) = (CodePoints(code, found.Start), CodePoints(code, found.End));
        return Replies.Ok(
            ("matches", new JsonArray([.. found.Items.Select(i => (JsonNode)i.Text)])),
            ("cursor_start", start),
            ("cursor_end", end),
            ("metadata", new JsonObject
            {
                ["_jupyter_types_experimental"] = new JsonArray([.. found.Items.Select(i => new JsonObject
                {
                    ["start"] = start, ["end"] = end, ["text"] = i.Text, ["type"] = KindOf(i.Kind),
                })]),
            }));
    }

    public async Task<JsonObject> InspectAsync(Message request)
    {
        var code = request.Text("code") ?? "";
        var found = await assistant.DescribeAsync(code, Utf16(code, request.Number("cursor_pos"))).ConfigureAwait(false);
        return Replies.Ok(
            ("found", found is not null),
            ("data", found is null ? new JsonObject() : new JsonObject { ["text/plain"] = Plain(found), ["text/html"] = Html(found), ["text/markdown"] = Markdown(found) }),
            ("metadata", new JsonObject()));
    }

    public static JsonObject IsComplete(Message request)
    {
        var (completeness, indent) = CompletenessCheck.Of(request.Text("code") ?? "");
        var answer = new JsonObject { ["status"] = completeness switch { Completeness.Complete => "complete", Completeness.Incomplete => "incomplete", _ => "invalid" } };
        if (completeness == Completeness.Incomplete)
        {
            answer["indent"] = indent;
        }

        return answer;
    }

    public void Dispose() => catchUp?.Dispose();

    // Jupyter counts characters as readers do, .NET counts a rare character as two.
    private static int Utf16(string code, int? codePoints)
    {
        if (codePoints is not { } count)
        {
            return code.Length;
        }

        var position = 0;
        while (count-- > 0 && position < code.Length)
        {
            position += char.IsSurrogatePair(code, position) ? 2 : 1;
        }

        return position;
    }

    private static int CodePoints(string code, int position) => position - Enumerable.Range(0, Math.Max(0, position - 1)).Count(i => char.IsSurrogatePair(code, i));

    private static string KindOf(string tag) => tag switch
    {
        "Method" or "ExtensionMethod" => "function",
        "Property" or "Field" or "Event" or "Constant" or "EnumMember" => "property",
        "Local" or "Parameter" or "RangeVariable" => "instance",
        "Class" or "Structure" or "Interface" or "Delegate" or "Enum" or "TypeParameter" => "class",
        "Namespace" => "module",
        "Keyword" => "keyword",
        _ => "<unknown>",
    };

    private static string Plain(SymbolDescription found)
    {
        var text = new StringBuilder(found.Declaration);
        foreach (var (heading, body) in found.Documentation)
        {
            text.Append("\n\n").Append(heading.Length > 0 ? $"{heading}: " : "").Append(body);
        }

        return text.ToString();
    }

    private static string Html(SymbolDescription found)
    {
        var html = new StringBuilder($"<pre><code>{WebUtility.HtmlEncode(found.Declaration)}</code></pre>");
        foreach (var (heading, body) in found.Documentation)
        {
            html.Append("<p>").Append(heading.Length > 0 ? $"<b>{WebUtility.HtmlEncode(heading)}</b>: " : "").Append(WebUtility.HtmlEncode(body).Replace("\n", "<br>", StringComparison.Ordinal)).Append("</p>");
        }

        return html.ToString();
    }

    private static string Markdown(SymbolDescription found)
    {
        var text = new StringBuilder($"```csharp\n{found.Declaration}\n```\n");
        foreach (var (heading, body) in found.Documentation)
        {
            text.Append('\n').Append(heading.Length > 0 ? $"**{heading}**: " : "").Append(body).Append('\n');
        }

        return text.ToString();
    }
}
