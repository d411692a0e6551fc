using System.Globalization;
using System.Text.Json.Nodes;
using RlPrimitives.Notebooks.Formatting;

namespace RlPrimitives.Notebooks.Svg;

/// <summary>One axis: where a value lies on the drawing, and its ticks.</summary>
internal sealed class SvgAxis
{
    private readonly JsonNode? layout;
    private readonly List<string> categories = [];
    private readonly double from, to;
    private double low = double.PositiveInfinity, high = double.NegativeInfinity;

    /// <param name="layout">The axis in the figure's layout.</param>
    /// <param name="name">x, y, x2, …</param>
    /// <param name="from">Pixel of the domain's low end.</param>
    /// <param name="to">Pixel of its high end.</param>
    public SvgAxis(JsonNode? layout, string name, double from, double to)
    {
        this.layout = layout;
        Name = name;
        var domain = layout.At("domain").Items();
        double start = domain.Count == 2 ? domain[0].Number(0) : 0, end = domain.Count == 2 ? domain[1].Number(1) : 1;
        (this.from, this.to) = (from + (start * (to - from)), from + (end * (to - from)));
    }

    public string Name { get; }

    public string Title => Charts.PlotlyText.Plain(layout.Title());

    public double Start => from;

    public double End => to;

    private bool Logarithmic => layout.At("type").Text() == "log";

    /// <summary>The value as a number: a label becomes its place among the labels.</summary>
    public double Read(JsonNode? node)
    {
        var number = node.Number();
        if (double.IsFinite(number) && layout.At("type").Text() != "category")
        {
            return Logarithmic ? (number > 0 ? Math.Log10(number) : double.NaN) : number;
        }

        if (node.Text() is not { } label)
        {
            return double.NaN;
        }

        var index = categories.IndexOf(label);
        if (index < 0)
        {
            categories.Add(label);
            index = categories.Count - 1;
        }

        return index;
    }

    public void Include(double value)
    {
        if (double.IsFinite(value))
        {
            (low, high) = (Math.Min(low, value), Math.Max(high, value));
        }
    }

    /// <summary>Ends the collecting of values: fixes the range.</summary>
    /// <param name="margin">Share of the range left free at either end.</param>
    public void Fit(double margin)
    {
        if (layout.At("range").Items() is [var first, var last] && double.IsFinite(first.Number()) && double.IsFinite(last.Number()))
        {
            (low, high) = (first.Number(), last.Number());
            return;
        }

        if (low > high)
        {
            (low, high) = (0, 1);
        }

        var zero = layout.At("rangemode").Text() == "tozero";
        (low, high) = zero ? (Math.Min(0, low), Math.Max(0, high)) : (low, high);
        var free = high > low ? (high - low) * margin : Math.Max(0.5, Math.Abs(low) * 0.1);
        low -= low == 0 && (zero || StartsAtZero) ? 0 : free;
        high += free;
    }

    /// <summary>Bars stand on it.</summary>
    public bool StartsAtZero { get; set; }

    public double Place(double value) => from + ((Math.Clamp(value, Math.Min(low, high), Math.Max(low, high)) - low) / (high - low) * (to - from));

    /// <summary>Pixels of one unit.</summary>
    public double Unit => Math.Abs((to - from) / (high - low));

    /// <summary>Round values, about one every <paramref name="pixels"/> but not fewer than about <paramref name="least"/>, with their labels; a given label may have several lines.</summary>
    public IEnumerable<(double Value, string Label)> Ticks(double pixels, double least)
    {
        if (categories.Count > 0)
        {
            var every = Math.Max(1, (int)Math.Ceiling(categories.Count * pixels / Math.Abs(to - from) / 1.4));
            return categories.Select((label, i) => ((double)i, Charts.PlotlyText.Plain(label))).Where((_, i) => i % every == 0);
        }

        if (layout.At("showticklabels") is JsonValue shown && shown.TryGetValue(out bool labelled) && !labelled)
        {
            return [];
        }

        double low = Math.Min(this.low, this.high), high = Math.Max(this.low, this.high); // an axis may be turned round
        if (layout.At("tickvals").Items() is { Count: > 0 } places)
        {
            var labels = layout.At("ticktext").Items();
            return places.Select((p, i) => (Logarithmic ? Math.Log10(p.Number()) : p.Number(), i < labels.Count ? labels[i].Text() ?? "" : p.Text() ?? "")).Where(t => t.Item1 >= low && t.Item1 <= high);
        }

        var wanted = Math.Max(least, Math.Abs(to - from) / pixels);
        var rough = (high - low) / wanted;
        var power = Math.Pow(10, Math.Floor(Math.Log10(rough)));
        var step = (rough / power) switch { <= 1.001 => power, <= 2.001 => 2 * power, <= 5.001 => 5 * power, _ => 10 * power };
        step = Logarithmic ? Math.Max(1, Math.Round(step)) : step;
        return Enumerable.Range(0, 50).Select(i => (Math.Ceiling((low / step) - 1e-9) + i) * step).TakeWhile(v => v <= high + (step * 1e-6)).Select(v => (v, Label(v, step)));
    }

    private string Label(double value, double step)
    {
        var text = Logarithmic ? Numbers.Short(Math.Pow(10, value))
            : Math.Abs(value) >= 1e4 || (step < 9e-7 && value != 0) ? Numbers.Short(value)
            : step < 9e-4 ? value.ToString("0.########", CultureInfo.InvariantCulture)
            : value.ToString("F" + Math.Clamp((int)-Math.Floor(Math.Log10(step) + 1e-9), 0, 8).ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
        return (text.StartsWith('-') && value == 0 ? text[1..] : text) + layout.At("ticksuffix").Text();
    }
}
