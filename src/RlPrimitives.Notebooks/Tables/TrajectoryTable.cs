using System.Net;
using System.Text;
using RlPrimitives.Models.Tokenizers;
using RlPrimitives.Notebooks.Formatting;
using RlPrimitives.Rollouts;

namespace RlPrimitives.Notebooks;

/// <summary>Trajectories as a notebook shows them: a table in which nothing that a model wrote is run or rendered.</summary>
[TypeFormatterSource(typeof(Formatters), PreferredMimeTypes = [MimeTypes.Html, MimeTypes.Plain])]
public sealed class TrajectoryTable
{
    private const int LongestText = 600;
    private const string Cell = "text-align:left;vertical-align:top;padding:4px 8px;border-bottom:1px solid rgba(128,128,128,0.25)";
    private const string Wrapped = Cell + ";white-space:pre-wrap;overflow-wrap:anywhere;max-width:32em";
    private readonly IReadOnlyList<Trajectory> trajectories;
    private readonly IReadOnlyList<float?>? rewards;
    private readonly ITokenizer? tokenizer;
    private readonly int rows;

    internal TrajectoryTable(IReadOnlyList<Trajectory> trajectories, IReadOnlyList<float?>? rewards, ITokenizer? tokenizer, int rows) =>
        (this.trajectories, this.rewards, this.tokenizer, this.rows) = (trajectories, rewards, tokenizer, Math.Min(rows, trajectories.Count));

    /// <summary>The table as an HTML fragment.</summary>
    public string ToHtml()
    {
        var html = new StringBuilder("<div style=\"overflow-x:auto\"><table style=\"border-collapse:collapse;font-size:13px\"><thead><tr>");
        foreach (var title in (string[])["#", "prompt", "response", "answer", .. rewards is null ? (string[])[] : ["reward"], "ended by", "tokens"])
        {
            html.Append($"<th style=\"{Cell}\">{title}</th>");
        }

        html.Append("</tr></thead><tbody>");
        for (var i = 0; i < rows; i++)
        {
            var trajectory = trajectories[i];
            html.Append($"<tr><td style=\"{Cell}\">{trajectory.Group}.{trajectory.Member}</td>")
                .Append($"<td style=\"{Wrapped}\">{Text(Prompt(trajectory))}</td><td style=\"{Wrapped}\">{Text(Response(trajectory))}</td><td style=\"{Wrapped}\">{Text(trajectory.Problem.Answer)}</td>")
                .Append(rewards is null ? "" : $"<td style=\"{Cell}\">{(rewards[i] is { } reward ? Numbers.Short(reward) : "–")}</td>")
                .Append($"<td style=\"{Cell}\">{Text(End(trajectory))}</td><td style=\"{Cell}\">{trajectory.ResponseTokens}</td></tr>");
        }

        return html.Append($"</tbody></table><div style=\"font-size:12px;color:{Charts.Palette.Grey}\">{Footer()}</div></div>").ToString();
    }

    /// <summary>One line for each trajectory shown.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        for (var i = 0; i < rows; i++)
        {
            var trajectory = trajectories[i];
            text.Append($"{trajectory.Group}.{trajectory.Member}  {OneLine(Prompt(trajectory))} → {OneLine(Response(trajectory))}")
                .Append(rewards is null ? "" : $"  reward {(rewards[i] is { } reward ? Numbers.Short(reward) : "–")}").AppendLine($"  {End(trajectory)}  {trajectory.ResponseTokens} tokens");
        }

        return text.Append(Footer()).ToString();
    }

    // With a tokenizer the table shows what the model really saw and said, special tokens included.
    private string Prompt(Trajectory trajectory) => tokenizer is null || trajectory.Turns.IsDefaultOrEmpty
        ? trajectory.Problem.Prompt
        : tokenizer.Decode(trajectory.Turns[0].PromptIds, skipSpecialTokens: false);

    private string Response(Trajectory trajectory)
    {
        if (trajectory.Turns.IsDefaultOrEmpty)
        {
            return trajectory.Error ?? "";
        }

        var turns = trajectory.Turns.Select(t => tokenizer is null ? t.Text : tokenizer.Decode(t.TokenIds, skipSpecialTokens: false)).ToArray();
        return (turns.Length == 1 ? turns[0] : string.Join("\n", turns.Select((t, i) => FormattableString.Invariant($"[turn {i + 1}] {t}"))))
            + (trajectory.Error is null ? "" : "\n" + trajectory.Error);
    }

    private static string End(Trajectory trajectory) => trajectory.Status == TrajectoryStatus.Failed || trajectory.Turns.IsDefaultOrEmpty
        ? trajectory.Status.ToString()
        : $"{trajectory.Turns[^1].StopReason}{(trajectory.Status == TrajectoryStatus.Truncated ? ", truncated" : "")}";

    private string Footer() => trajectories.Count == rows
        ? FormattableString.Invariant($"{rows} trajector{(rows == 1 ? "y" : "ies")}")
        : FormattableString.Invariant($"first {rows} of {trajectories.Count} trajectories");

    private static string Text(string text) => WebUtility.HtmlEncode(Cut(text, LongestText));

    private static string OneLine(string text) => Cut(text.ReplaceLineEndings("⏎"), 80);

    private static string Cut(string text, int most)
    {
        if (text.Length <= most)
        {
            return text;
        }

        var end = char.IsHighSurrogate(text[most - 1]) ? most - 1 : most;
        return FormattableString.Invariant($"{text[..end]}… (+{text.Length - end} characters)");
    }

    internal sealed class Formatters
    {
#pragma warning disable CA1822 // The convention asks for an instance method.
        public IEnumerable<object> CreateTypeFormatters() =>
#pragma warning restore CA1822
        [
            new TypeFormatter<TrajectoryTable>(MimeTypes.Html, table => table.ToHtml()),
            new TypeFormatter<TrajectoryTable>(MimeTypes.Plain, table => table.ToString()),
        ];
    }
}
