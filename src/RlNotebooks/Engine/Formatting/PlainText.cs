using System.Text;

namespace RlNotebooks.Engine.Formatting;

/// <summary>Values as plain text, for terminals and as the fallback of every output.</summary>
internal static class PlainText
{
    private const int WidestColumn = 60;

    public static string Of(object? value) => Shape.Of(value) switch
    {
        Scalar s => s.Text,
        Properties { TypeName: Shape.Anonymous } p => Align([.. p.Items.Select(i => new[] { i.Name, i.Text })]),
        Properties p => $"{p.TypeName}\n{Align([.. p.Items.Select(i => new[] { $"  {i.Name}", i.Text })])}",
        Table { Columns: ["index", "value"] } t => OneLine(t),
        Table t => $"{Align([t.Columns, .. t.Rows])}\n({t.Caption})",
        var other => throw new InvalidOperationException($"{other.GetType().Name} has no plain text."),
    };

    private static string OneLine(Table table)
    {
        var items = string.Join(", ", table.Rows.Select(r => r[1]));
        return table.Count == table.Rows.Length ? $"[{items}]" : $"[{items}, …] ({table.Caption})";
    }

    private static string Align(string[][] rows)
    {
        var widths = rows[0].Select((_, c) => Math.Min(WidestColumn, rows.Max(r => r[c].Length))).ToArray();
        var text = new StringBuilder();
        foreach (var row in rows)
        {
            text.Append(string.Join("  ", row.Select((cell, c) => Cut(cell).PadRight(widths[c]))).TrimEnd()).Append('\n');
        }

        return text.ToString().TrimEnd('\n');
    }

    private static string Cut(string cell) => cell.Length <= WidestColumn ? cell : $"{cell[..(WidestColumn - 1)]}…";
}
