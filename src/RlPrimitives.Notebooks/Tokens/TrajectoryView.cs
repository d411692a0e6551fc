using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using RlPrimitives.Environments;
using RlPrimitives.Models.Tokenizers;
using RlPrimitives.Notebooks.Charts;
using RlPrimitives.Notebooks.Formatting;
using RlPrimitives.Notebooks.Tokens;
using RlPrimitives.Rollouts;

namespace RlPrimitives.Notebooks;

/// <summary>
/// Trajectories token by token, one or several side by side: turns, tool calls, and sampled tokens coloured by what a switch says, the exact ids to read over them.
/// The switch is plain HTML and CSS: it needs neither a script nor a network. Nothing that a model wrote is run or rendered.
/// </summary>
[TypeFormatterSource(typeof(Formatters), PreferredMimeTypes = [MimeTypes.Html, MimeTypes.Plain])]
public sealed class TrajectoryView
{
    private const string Pale = "rgba(128,128,128,0.12)";
    private readonly (Trajectory Trajectory, float? Reward, TokenMarks Marks)[] shown;
    private readonly ITokenizer tokenizer;
    private readonly TokenColouring colouring;
    private readonly string heading;
    private readonly int tokens;

    internal TrajectoryView(
        (Trajectory Trajectory, float? Reward, TokenMarks Marks)[] shown, ITokenizer tokenizer, TokenColouring colouring, string heading, int tokens) =>
        (this.shown, this.tokenizer, this.colouring, this.heading, this.tokens) = (shown, tokenizer, colouring, heading, tokens);

    /// <summary>The view as an HTML fragment.</summary>
    public string ToHtml()
    {
        var body = new StringBuilder();
        var common = shown.Length > 1 && !shown[0].Trajectory.Turns.IsDefaultOrEmpty && shown.All(s => !s.Trajectory.Turns.IsDefaultOrEmpty && s.Trajectory.Turns[0].PromptIds.AsSpan().SequenceEqual(shown[0].Trajectory.Turns[0].PromptIds));
        var most = Math.Max(20, tokens / Math.Max(1, shown.Length));
        if (common)
        {
            Part(body, "prompt of all", "g", html => new TokenText(tokenizer).Given(html, shown[0].Trajectory.Turns[0].PromptIds, tokens / 4));
        }

        body.Append("<div class=\"c\">");
        foreach (var (trajectory, reward, marks) in shown)
        {
            body.Append("<div class=\"p\"><b>").Append(Encode(Headline(trajectory, reward))).Append("</b>");
            Turns(body, trajectory, marks, most, common);
            body.Append("</div>");
        }

        body.Append("</div>");
        var scales = Scales();
        var id = "rl-tokens-" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(body.ToString())))[..12];
        var html = new StringBuilder($"<form id=\"{id}\" class=\"rl-tokens\"><style>{Style(id, scales)}</style>");
        html.Append("<div class=\"h\">").Append(Encode(heading)).Append("</div>");
        foreach (var scale in scales)
        {
            html.Append(CultureInfo.InvariantCulture, $"<input type=\"radio\" name=\"by\" id=\"{id}-{scale.Letter}\" class=\"{scale.Letter}\"{(scale == Chosen(scales) ? " checked" : "")}><label for=\"{id}-{scale.Letter}\">{scale.Name}</label>");
        }

        foreach (var scale in scales)
        {
            html.Append(CultureInfo.InvariantCulture, $"<div class=\"k k{scale.Letter}\">")
                .AppendJoin(' ', scale.Steps.Select((s, i) => (s.Label, i)).Where(s => s.Label.Length > 0).Select(s => $"<span class=\"{scale.Letter}{s.i}\">{Encode(s.Label)}</span>")).Append("</div>");
        }

        return html.Append("<div class=\"b\">").Append(body).Append("</div></form>").ToString();
    }

    /// <summary>Writes the view as a page of its own.</summary>
    /// <param name="path">The file to write.</param>
    public void SaveHtml(string path) => File.WriteAllText(path, HtmlPage.Of(heading, ToHtml()));

    /// <summary>One line for each trajectory.</summary>
    public override string ToString() => string.Join(Environment.NewLine, shown.Select(s => $"{Headline(s.Trajectory, s.Reward)}: {s.Trajectory.Response.ReplaceLineEndings("⏎")}").Prepend(heading));

    private void Turns(StringBuilder html, Trajectory trajectory, TokenMarks marks, int most, bool withoutPrompt)
    {
        var text = new TokenText(tokenizer);
        var first = 0;
        int[] before = [];
        var turns = trajectory.Turns.IsDefault ? [] : trajectory.Turns;
        for (var t = 0; t < turns.Length; t++)
        {
            var turn = turns[t];
            // What the model had already read or said is not shown again.
            var given = turn.PromptIds.AsSpan().StartsWith(before) ? turn.PromptIds[before.Length..] : turn.PromptIds;
            if (given.Length > 0 && !(t == 0 && withoutPrompt))
            {
                Part(html, t == 0 ? "prompt" : "given to the model", "g", part => text.Given(part, given, Math.Max(12, most / (2 * turns.Length))));
            }

            var start = first;
            Part(html, FormattableString.Invariant($"{(turns.Length > 1 ? $"turn {t + 1}, " : "")}{turn.TokenIds.Length} sampled, ended by {turn.StopReason}"), "s",
                part => text.Sampled(part, turn.TokenIds, turn.LogProbs, marks, start, Math.Max(12, most / Math.Max(1, turns.Length))));
            foreach (var call in turn.ToolCalls.IsDefault ? [] : turn.ToolCalls)
            {
                Call(html, call);
            }

            first += turn.TokenIds.Length;
            before = [.. turn.PromptIds, .. turn.TokenIds];
        }

        if (trajectory.Error is { } error)
        {
            Part(html, "failed", "e", part => part.Append(Encode(Cut(error, 600))));
        }
    }

    private static void Call(StringBuilder html, ToolCall call) => Part(html, FormattableString.Invariant($"tool {call.Tool}, {Numbers.Short(call.Seconds)} s"), call.Error is null ? "o" : "e", part =>
        part.Append(Encode(Cut(call.Arguments, 300))).Append(" → ").Append(Encode(Cut(call.Error ?? call.Result, 300))));

    private static void Part(StringBuilder html, string title, string kind, Action<StringBuilder> content)
    {
        html.Append("<div class=\"").Append(kind).Append("\"><small>").Append(Encode(title)).Append("</small><pre>");
        content(html);
        html.Append("</pre></div>");
    }

    private static string Headline(Trajectory trajectory, float? reward) => FormattableString.Invariant(
        $"trajectory {trajectory.Group}.{trajectory.Member}, {(reward is { } r ? $"reward {Numbers.Short(r)}" : "no reward")}, {trajectory.Status.ToString().ToLowerInvariant()}, {trajectory.ResponseTokens} sampled tokens");

    private TokenScale[] Scales() => [.. TokenScale.All.Where(s => s.Colouring switch
    {
        TokenColouring.Advantage => shown.Any(t => t.Marks.Advantages is not null),
        TokenColouring.Ratio => shown.Any(t => t.Marks.Ratios is not null),
        _ => true,
    })];

    private TokenScale Chosen(TokenScale[] scales) => scales.FirstOrDefault(s => s.Colouring == colouring) ?? scales[0];

    private static string Style(string id, TokenScale[] scales)
    {
        var css = new StringBuilder($$"""
            #{{id}}{font:13px sans-serif;margin:0}
            #{{id}} .h{font-size:14px;margin-bottom:4px}
            #{{id}} pre{margin:0;padding:0;background:none;color:inherit;font:13px/1.55 monospace;white-space:pre-wrap;overflow-wrap:anywhere}
            #{{id}} small{color:{{Palette.Grey}}}
            #{{id}} label{margin:0 12px 0 3px}
            #{{id}} .k{display:none;margin:4px 0;font-size:12px}
            #{{id}} .k span{padding:1px 5px;margin-right:4px}
            #{{id}} .c{display:flex;gap:10px;overflow-x:auto}
            #{{id}} .p{flex:1 1 0;min-width:230px}
            #{{id}} .g,#{{id}} .s,#{{id}} .o,#{{id}} .e{border-left:3px solid {{Palette.Grey}};background:{{Pale}};padding:3px 8px;margin:5px 0}
            #{{id}} .s{border-color:{{Palette.Blue}};background:none}
            #{{id}} .o{border-color:{{Palette.Green}}}
            #{{id}} .e{border-color:{{Palette.Vermillion}}}

            """);
        foreach (var scale in scales)
        {
            css.Append(CultureInfo.InvariantCulture, $"#{id} .{scale.Letter}:checked~.k{scale.Letter}{{display:block}}");
            for (var i = 0; i < scale.Steps.Length; i++)
            {
                if (scale.Steps[i].Colour.Length > 0)
                {
                    css.Append(CultureInfo.InvariantCulture, $"#{id} .k .{scale.Letter}{i},#{id} .{scale.Letter}:checked~.b .{scale.Letter}{i}{{background:{scale.Steps[i].Colour}}}");
                }
            }
        }

        return css.ToString();
    }

    private static string Encode(string text) => WebUtility.HtmlEncode(text);

    private static string Cut(string text, int most) => text.Length <= most ? text : text[..(char.IsHighSurrogate(text[most - 1]) ? most - 1 : most)] + "…";

    internal sealed class Formatters
    {
#pragma warning disable CA1822 // The convention asks for an instance method.
        public IEnumerable<object> CreateTypeFormatters() =>
#pragma warning restore CA1822
        [
            new TypeFormatter<TrajectoryView>(MimeTypes.Html, view => view.ToHtml()),
            new TypeFormatter<TrajectoryView>(MimeTypes.Plain, view => view.ToString()),
        ];
    }
}
