using System.Globalization;
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
    private const int LongestText = 600, SizeLimit = 57_000;
    private readonly IReadOnlyList<Trajectory> trajectories;
    private readonly IReadOnlyList<float?>? rewards;
    private readonly ITokenizer? tokenizer;
    private readonly int rows;
    private bool isSearchable;
    private IReadOnlyDictionary<string, float?[]> objectives = new Dictionary<string, float?[]>();

    internal TrajectoryTable(IReadOnlyList<Trajectory> trajectories, IReadOnlyList<float?>? rewards, ITokenizer? tokenizer, int rows) =>
        (this.trajectories, this.rewards, this.tokenizer, this.rows) = (trajectories, rewards, tokenizer, Math.Min(rows, trajectories.Count));

    /// <summary>The table as an HTML fragment.</summary>
    public string ToHtml()
    {
        // Long texts of many rows are cut further, so that the output stays an output.
        for (var longest = LongestText; ; longest /= 2)
        {
            var html = ToHtml(longest);
            if (html.Length < SizeLimit || longest < 30)
            {
                return html;
            }
        }
    }

    /// <summary>The same table with a field to search in, which a script shows where scripts run.</summary>
    /// <param name="scores">Objectives to show beside the reward; null for none.</param>
    internal TrajectoryTable Searchable(IReadOnlyDictionary<string, float?[]>? scores = null) =>
        new(trajectories, rewards, tokenizer, rows) { isSearchable = true, objectives = scores ?? new Dictionary<string, float?[]>() };

    private string ToHtml(int longest)
    {
        string Text(string text) => WebUtility.HtmlEncode(Cut(text, longest));
        static string Score(float? score) => score is { } known ? Numbers.Short(known) : "–";
        var html = new StringBuilder("<table class=\"rl-table\"><thead><tr>");
        foreach (var title in (string[])["#", "prompt", "response", "answer", .. rewards is null ? (string[])[] : ["reward"], .. objectives.Keys, "ended by", "tokens"])
        {
            html.Append("<th>").Append(WebUtility.HtmlEncode(title)).Append("</th>");
        }

        html.Append("</tr></thead><tbody>");
        for (var i = 0; i < rows; i++)
        {
            var trajectory = trajectories[i];
            html.Append(CultureInfo.InvariantCulture, $"<tr><td>{trajectory.Group}.{trajectory.Member}</td><td>{Text(Prompt(trajectory))}</td><td>{Text(Response(trajectory))}</td><td>{Text(trajectory.Problem.Answer)}</td>")
                .Append(rewards is null ? "" : $"<td>{Score(rewards[i])}</td>").Append(string.Concat(objectives.Values.Select(o => $"<td>{Score(o[i])}</td>")))
                .Append(CultureInfo.InvariantCulture, $"<td>{Text(End(trajectory))}</td><td>{trajectory.ResponseTokens}</td></tr>");
        }

        html.Append("</tbody></table>");
        return HtmlTable.Fragment(html.ToString(), Footer(), isSearchable);
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
