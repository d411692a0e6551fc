using System.Collections;
using System.Globalization;

namespace RlNotebooks.Engine.Formatting;

/// <summary>A Microsoft.Data.Analysis.DataFrame as a table, numbers with at most six digits; read by name, so that the engine does not depend on that package.</summary>
internal static class DataFrameShape
{
    public static Table Of(object frame)
    {
        dynamic data = frame;
        long count = data.Rows.Count;
        var shown = (int)Math.Min(count, Shape.MostRows);
        var names = new List<string>();
        var columns = new List<string[]>();
        foreach (dynamic column in (IEnumerable)data.Columns)
        {
            names.Add((string)column.Name);
            columns.Add([.. Enumerable.Range(0, shown).Select(i => Cell((object?)column[(long)i]))]);
        }

        return new Table([.. names], [.. Enumerable.Range(0, shown).Select(row => columns.Select(c => c[row]).ToArray())], count);
    }

    private static string Cell(object? value) => value switch
    {
        double number => number.ToString("G6", CultureInfo.InvariantCulture),
        float number => number.ToString("G6", CultureInfo.InvariantCulture),
        _ => Shape.Cell(value),
    };
}
