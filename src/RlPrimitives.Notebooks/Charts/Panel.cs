namespace RlPrimitives.Notebooks.Charts;

/// <summary>One pair of axes of a figure.</summary>
/// <param name="X">Title of the x axis, unit included; null for none.</param>
/// <param name="Y">Title of the y axis, unit included; null for none.</param>
/// <param name="Heading">Written above the panel.</param>
/// <param name="YRange">Fixed range; null follows the data.</param>
/// <param name="XRange">Fixed range; null follows the data.</param>
/// <param name="Percent">The y values are percents.</param>
/// <param name="FromZero">The y axis starts at 0.</param>
/// <param name="XTicks">Where the x axis is labelled, and how; null for round numbers.</param>
/// <param name="YTicks">The same of the y axis.</param>
/// <param name="HidesY">The y values mean nothing by themselves.</param>
/// <param name="Categories">The x values are labels, shown as they are.</param>
internal sealed record Panel(
    string? X, string? Y, string? Heading = null, (double Low, double High)? YRange = null, (double Low, double High)? XRange = null, bool Percent = false, bool FromZero = false, (double Value, string Label)[]? XTicks = null,
    (double Value, string Label)[]? YTicks = null, bool HidesY = false,
    bool Categories = false);
