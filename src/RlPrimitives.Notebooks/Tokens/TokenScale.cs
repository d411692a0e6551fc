using RlPrimitives.Notebooks.Charts;

namespace RlPrimitives.Notebooks.Tokens;

/// <summary>One way to colour tokens: a class for each range of values, so that a token says its colour in two letters.</summary>
/// <param name="Colouring">Which.</param>
/// <param name="Letter">First letter of its classes.</param>
/// <param name="Name">On the switch.</param>
/// <param name="Steps">Colour and label of each range.</param>
internal sealed record TokenScale(TokenColouring Colouring, char Letter, string Name, (string Colour, string Label)[] Steps)
{
    private static readonly double[] Strength = [0.15, 0.35, 0.6];

    public static TokenScale LogProb { get; } = new(TokenColouring.LogProb, 'l', "log-prob",
    [
        ("", ""), (Palette.Pale(Palette.Vermillion, Strength[0]), "below −0.1"), (Palette.Pale(Palette.Vermillion, Strength[1]), "below −1"), (Palette.Pale(Palette.Vermillion, Strength[2]), "below −3 nats"),
    ]);

    public static TokenScale Advantage { get; } = Diverging(TokenColouring.Advantage, 'a', "advantage", ["below −1", "below −0.3", "below 0", "", "above 0", "above 0.3", "above 1"]);

    public static TokenScale Ratio { get; } = Diverging(TokenColouring.Ratio, 'r', "ratio", ["below 0.8", "below 0.95", "below 1", "", "above 1", "above 1.05", "above 1.2"]);

    public static TokenScale Mask { get; } = new(TokenColouring.Mask, 'm', "mask", [("", ""), (Palette.Pale(Palette.Green, 0.35), "trained on")]);

    public static TokenScale[] All { get; } = [LogProb, Advantage, Ratio, Mask];

    /// <summary>The class of a value.</summary>
    public string Class(double value) => FormattableString.Invariant($"{Letter}{Step(value)}");

    private int Step(double value) => Colouring switch
    {
        TokenColouring.LogProb => value < -3 ? 3 : value < -1 ? 2 : value < -0.1 ? 1 : 0,
        TokenColouring.Advantage => Signed(value, 0.3, 1),
        TokenColouring.Ratio => Signed(value - 1, 0.05, 0.2),
        _ => value > 0 ? 1 : 0,
    };

    private static int Signed(double value, double some, double much) => !double.IsFinite(value) || Math.Abs(value) < 1e-4 ? 3
        : 3 + (Math.Sign(value) * (Math.Abs(value) > much ? 3 : Math.Abs(value) > some ? 2 : 1));

    private static TokenScale Diverging(TokenColouring colouring, char letter, string name, string[] labels) => new(
        colouring, letter, name, [.. labels.Select((label, i) => (i == 3 ? "" : Palette.Pale(i < 3 ? Palette.Vermillion : Palette.Blue, Strength[Math.Abs(i - 3) - 1]), label))]);
}
