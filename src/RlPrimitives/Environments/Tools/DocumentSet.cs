using System.Collections.Immutable;
using System.ComponentModel;
using System.Text;
using Microsoft.Extensions.AI;

namespace RlPrimitives.Environments;

/// <summary>One text that can be looked up.</summary>
/// <param name="Title">Its name.</param>
/// <param name="Text">What it says.</param>
public sealed record Document(string Title, string Text);

/// <summary>
/// Documents searched by the words they hold, best first:
/// score = Σ_w ln(1 + (N − n_w + ½)/(n_w + ½)) · f·(k₁ + 1)/(f + k₁·(1 − b + b·length/mean length)), with k₁ = 1.2, b = 0.75, f the occurrences of w in title and text.
/// Robertson, Zaragoza 2009, "The probabilistic relevance framework: BM25 and beyond". Words are runs of letters and digits, in lower case of no culture.
/// </summary>
public sealed class DocumentSet
{
    private const double K1 = 1.2, B = 0.75;
    private readonly Dictionary<string, List<(int Document, int Count)>> postings = new(StringComparer.Ordinal);
    private readonly int[] lengths;
    private readonly double meanLength;

    /// <summary>An index of documents.</summary>
    /// <param name="documents">At least one.</param>
    /// <exception cref="ArgumentException">There are no documents.</exception>
    public DocumentSet(IReadOnlyList<Document> documents)
    {
        ArgumentNullException.ThrowIfNull(documents);
        if (documents.Count == 0)
        {
            throw new ArgumentException("There are no documents to look anything up in.", nameof(documents));
        }

        Documents = [.. documents];
        lengths = new int[documents.Count];
        for (var d = 0; d < documents.Count; d++)
        {
            var words = Words($"{documents[d].Title} {documents[d].Text}").ToArray();
            lengths[d] = words.Length;
            foreach (var word in words.CountBy(w => w, StringComparer.Ordinal))
            {
                if (!postings.TryGetValue(word.Key, out var list))
                {
                    postings[word.Key] = list = [];
                }

                list.Add((d, word.Value));
            }
        }

        meanLength = Math.Max(1, lengths.Average());
    }

    /// <summary>All documents.</summary>
    public ImmutableArray<Document> Documents { get; }

    /// <summary>The documents that share a word with the query, best first; of equal ones the earlier first.</summary>
    /// <param name="query">Words.</param>
    /// <param name="count">Most documents, at least 1.</param>
    public IReadOnlyList<Document> Search(string query, int count = 1)
    {
        ArgumentNullException.ThrowIfNull(query);
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        var scores = new Dictionary<int, double>();
        foreach (var word in Words(query).Distinct(StringComparer.Ordinal))
        {
            if (postings.TryGetValue(word, out var list))
            {
                var rarity = Math.Log(1 + ((lengths.Length - list.Count + 0.5) / (list.Count + 0.5)));
                foreach (var (document, n) in list)
                {
                    var weight = n * (K1 + 1) / (n + (K1 * (1 - B + (B * lengths[document] / meanLength))));
                    scores[document] = scores.GetValueOrDefault(document) + (rarity * weight);
                }
            }
        }

        return [.. scores.OrderByDescending(s => s.Value).ThenBy(s => s.Key).Take(count).Select(s => Documents[s.Key])];
    }

    /// <summary>The search as a tool: titles and texts, or that nothing was found.</summary>
    /// <param name="name">What the model writes to call it.</param>
    /// <param name="count">Most documents of one answer, at least 1.</param>
    public AIFunction Tool(string name = "lookup", int count = 1)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        return AIFunctionFactory.Create(
            ([Description("Words to look for.")] string query) =>
                Search(query, count) is { Count: > 0 } found ? string.Join("\n\n", found.Select(d => d.Title.Length > 0 ? $"{d.Title}: {d.Text}" : d.Text)) : "nothing found",
            name,
            "Looks words up in a set of documents.");
    }

    private static IEnumerable<string> Words(string text)
    {
        var word = new StringBuilder();
        foreach (var rune in text.EnumerateRunes())
        {
            if (Rune.IsLetterOrDigit(rune))
            {
                word.Append(Rune.ToLowerInvariant(rune));
            }
            else if (word.Length > 0)
            {
                yield return word.ToString();
                word.Clear();
            }
        }

        if (word.Length > 0)
        {
            yield return word.ToString();
        }
    }
}
