namespace RlPrimitives.Notebooks.Charts;

/// <summary>
/// The colours of Okabe and Ito (2008), which readers with any colour vision tell apart, without yellow and black: those vanish on a white or
/// on a dark page.
/// </summary>
internal static class Palette
{
    public const string Blue = "#0072B2", Vermillion = "#D55E00", Green = "#009E73", Purple = "#CC79A7", Orange = "#E69F00", Sky = "#56B4E9";

    /// <summary>Text and lines that are no data; readable on white and on a dark theme.</summary>
    public const string Grey = "#808080";

    /// <summary>Points that matter less, in a scene of three axes: there transparent colours come out white.</summary>
    public const string PaleGrey = "#9C9C9C";

    public static readonly string[] Colours = [Blue, Vermillion, Green, Purple, Orange, Sky, Grey];

    // The same method has the same colour in every chart of every notebook.
    private static readonly Dictionary<string, int> Known = new(StringComparer.OrdinalIgnoreCase)
    {
        ["GRPO"] = 0, ["PPO"] = 1, ["REINFORCE"] = 2, ["DAPO"] = 3, ["Dr. GRPO"] = 4, ["RLOO"] = 5, ["Supervised"] = 6, ["SFT"] = 6,
    };

    /// <summary>One colour for each name: known methods theirs, others one that depends on the name, moved on only where two would be equal; grey last.</summary>
    public static string[] For(IReadOnlyList<string> names)
    {
        var taken = new HashSet<int>();
        var slots = new int[names.Count];
        foreach (var known in new[] { true, false })
        {
            for (var i = 0; i < names.Count; i++)
            {
                if (Known.TryGetValue(names[i], out var slot) != known)
                {
                    continue;
                }

                slot = known ? slot : (int)(Hash(names[i]) % (uint)(Colours.Length - 1));
                var free = Enumerable.Range(0, Colours.Length - 1).Select(step => (slot + step) % (Colours.Length - 1)).Prepend(slot).Append(Colours.Length - 1)
                    .Where(s => !taken.Contains(s)).DefaultIfEmpty(slot).First();
                taken.Add(free);
                slots[i] = free;
            }
        }

        return [.. slots.Select(s => Colours[s])];
    }

    /// <summary>Dots for a line whose colour another has already; null where it is the first. (Dashes are predictions.)</summary>
    public static string? DashOf(string[] colours, int index) => Array.IndexOf(colours, colours[index]) < index ? "dot" : null;

    /// <summary>Whether the name is a method's, which has a colour of its own.</summary>
    public static bool Knows(string name) => Known.ContainsKey(name);

    /// <summary>The colour with an opacity, as Plotly writes it.</summary>
    public static string Pale(string colour, double opacity = 0.2) => FormattableString.Invariant(
        $"rgba({Convert.ToInt32(colour[1..3], 16)},{Convert.ToInt32(colour[3..5], 16)},{Convert.ToInt32(colour[5..7], 16)},{opacity})");

    // FNV-1a: string.GetHashCode differs from process to process.
    private static uint Hash(string text) => text.Aggregate(2166136261u, (hash, c) => (hash ^ char.ToUpperInvariant(c)) * 16777619u);
}
