using System.Buffers;
using System.Globalization;
using System.Text;

namespace RlPrimitives.Models.Tokenizers;

/// <summary>
/// Unicode normalization form C (Unicode Standard Annex 15). <see cref="string.Normalize()"/> returns its input unchanged, silently, where
/// the process runs with invariant globalization or without ICU, and ids must not depend on that.
/// </summary>
internal static partial class CanonicalComposition
{
    private const int HangulS = 0xAC00, HangulL = 0x1100, HangulV = 0x1161, HangulT = 0x11A7, CountL = 19, CountV = 21, CountT = 28;

    // Below U+0300 every character is composed and none combines.
    private static readonly SearchValues<char> NeverChanged = SearchValues.Create([.. Enumerable.Range(0, 0x300).Select(c => (char)c)]);

    private static readonly Lazy<Tables> Loaded = new(() => new Tables());

    public static string Compose(string text)
    {
        if (!text.AsSpan().ContainsAnyExcept(NeverChanged))
        {
            return text;
        }

        var tables = Loaded.Value;
        var points = new List<int>(text.Length);
        foreach (var rune in text.EnumerateRunes())
        {
            Decompose(tables, rune.Value, points);
        }

        Reorder(tables, points);
        Compose(tables, points);
        var result = new StringBuilder(points.Count);
        foreach (var point in points)
        {
            result.Append(new Rune(point).ToString());
        }

        return result.ToString();
    }

    private static void Decompose(Tables tables, int point, List<int> into)
    {
        var hangul = point - HangulS;
        if (hangul is >= 0 and < CountL * CountV * CountT)
        {
            into.Add(HangulL + (hangul / (CountV * CountT)));
            into.Add(HangulV + (hangul % (CountV * CountT) / CountT));
            if (hangul % CountT != 0)
            {
                into.Add(HangulT + (hangul % CountT));
            }
        }
        else if (tables.Decomposition.TryGetValue(point, out var parts))
        {
            Decompose(tables, parts.First, into);
            if (parts.Second != 0)
            {
                Decompose(tables, parts.Second, into);
            }
        }
        else
        {
            into.Add(point);
        }
    }

    /// <summary>Stable sort of every run of combining marks by class.</summary>
    private static void Reorder(Tables tables, List<int> points)
    {
        for (var i = 1; i < points.Count; i++)
        {
            var combining = tables.Class(points[i]);
            if (combining != 0)
            {
                var point = points[i];
                var j = i;
                while (j > 0 && tables.Class(points[j - 1]) > combining)
                {
                    points[j] = points[j - 1];
                    j--;
                }

                points[j] = point;
            }
        }
    }

    private static void Compose(Tables tables, List<int> points)
    {
        var starter = -1;
        var last = -1; // class of the last mark kept after the starter; -1 when there is none between
        var kept = 0;
        for (var i = 0; i < points.Count; i++)
        {
            var point = points[i];
            var combining = tables.Class(point);
            if (starter >= 0 && last < combining && Pair(tables, points[starter], point) is { } composed)
            {
                points[starter] = composed;
                continue;
            }

            if (combining == 0)
            {
                starter = kept;
                last = -1;
            }
            else
            {
                last = combining;
            }

            points[kept++] = point;
        }

        points.RemoveRange(kept, points.Count - kept);
    }

    private static int? Pair(Tables tables, int first, int second)
    {
        if (first is >= HangulL and < HangulL + CountL && second is >= HangulV and < HangulV + CountV)
        {
            return HangulS + ((((first - HangulL) * CountV) + second - HangulV) * CountT);
        }

        var syllable = first - HangulS;
        return syllable is >= 0 and < CountL * CountV * CountT && syllable % CountT == 0 && second is > HangulT and < HangulT + CountT
            ? first + second - HangulT
            : tables.Composition.TryGetValue((first, second), out var composed) ? composed : null;
    }

    private sealed class Tables
    {
        private readonly Dictionary<int, int> classes = [];

        public Tables()
        {
            char[] separators = [' ', '\n', '\r'];
            foreach (var entry in Decompositions.Split(separators, StringSplitOptions.RemoveEmptyEntries))
            {
                var sign = entry.IndexOfAny(['=', '!']);
                var parts = entry[(sign + 1)..].Split('+');
                var pair = (Hex(parts[0]), parts.Length > 1 ? Hex(parts[1]) : 0);
                Decomposition.Add(Hex(entry[..sign]), pair);
                if (entry[sign] == '=')
                {
                    Composition.Add(pair, Hex(entry[..sign]));
                }
            }

            foreach (var entry in CombiningClasses.Split(separators, StringSplitOptions.RemoveEmptyEntries))
            {
                var range = entry[..entry.IndexOf(':', StringComparison.Ordinal)].Split('-');
                for (var point = Hex(range[0]); point <= Hex(range[^1]); point++)
                {
                    classes.Add(point, int.Parse(entry.AsSpan(entry.IndexOf(':', StringComparison.Ordinal) + 1), CultureInfo.InvariantCulture));
                }
            }
        }

        public Dictionary<int, (int First, int Second)> Decomposition { get; } = [];

        public Dictionary<(int First, int Second), int> Composition { get; } = [];

        public int Class(int point) => point < 0x300 ? 0 : classes.GetValueOrDefault(point);

        private static int Hex(string digits) => int.Parse(digits, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
    }
}
