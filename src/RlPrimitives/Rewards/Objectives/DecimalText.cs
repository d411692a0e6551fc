using System.Globalization;
using System.Text.RegularExpressions;

namespace RlPrimitives.Rewards;

/// <summary>A number as decimal digits: ±0.digits·10^exponent, without zeros at either end, so that equal numbers are equal records. Zero has no digits, sign or exponent.</summary>
internal sealed partial record DecimalText(bool IsNegative, string Digits, int Exponent)
{
    /// <summary>The last number in a text; null where there is none.</summary>
    public static DecimalText? Last(string text)
    {
        Match? last = null;
        for (var match = Number().Match(text); match.Success; match = match.NextMatch())
        {
            last = match;
        }

        return last is null ? null : Read(last);
    }

    /// <summary>The nearest double; infinite beyond its range.</summary>
    public double ToDouble() => Digits.Length == 0 ? 0
        : double.Parse(string.Create(CultureInfo.InvariantCulture, $"{(IsNegative ? "-" : "")}0.{Digits}e{Exponent}"), CultureInfo.InvariantCulture);

    private static DecimalText Read(Match match)
    {
        var whole = match.Groups["whole"].Value.Replace(",", "", StringComparison.Ordinal);
        var all = whole + match.Groups["part"].Value;
        var digits = all.TrimStart('0');
        var exponent = whole.Length - (all.Length - digits.Length) + (match.Groups["exponent"] is { Success: true } e ? int.Parse(e.ValueSpan, CultureInfo.InvariantCulture) : 0);
        digits = digits.TrimEnd('0');
        return digits.Length == 0 ? new DecimalText(false, "", 0) : new DecimalText(match.Groups["minus"].Success, digits, exponent);
    }

    // Up to 8 digits of exponent: beyond, "e" and what follows is read as something else.
    [GeneratedRegex(@"(?:(?<![0-9\p{L})])(?<minus>[-\u2212])|\+)?(?:(?<whole>[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+)(?:\.(?<part>[0-9]+))?|\.(?<part>[0-9]+))(?:[eE](?<exponent>[-+]?[0-9]{1,8})(?![0-9]))?", RegexOptions.CultureInvariant)]
    private static partial Regex Number();
}
