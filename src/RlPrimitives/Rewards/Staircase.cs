namespace RlPrimitives.Rewards;

/// <summary>The non-dominated set of points in a plane: x ascends, y descends.</summary>
internal sealed class Staircase
{
    private readonly List<(double X, double Y)> steps = [];

    /// <summary>Whether a step is at least (x, y) in both coordinates.</summary>
    public bool Covers(double x, double y)
    {
        var at = FirstFrom(x);
        return at < steps.Count && steps[at].Y >= y;
    }

    /// <summary>Takes a point in and drops those it covers.</summary>
    /// <returns>By how much the area between the staircase and the origin grew; meant for points with positive coordinates.</returns>
    public double Add(double x, double y)
    {
        if (Covers(x, y))
        {
            return 0;
        }

        var end = FirstFrom(x);
        var floor = end < steps.Count ? steps[end].Y : 0; // what lies to the right reaches this high everywhere left of it
        var gained = 0.0;
        var right = x;
        var begin = end;
        while (begin > 0 && steps[begin - 1].Y <= y)
        {
            var covered = steps[--begin];
            gained += (right - covered.X) * (y - floor);
            (right, floor) = (covered.X, covered.Y);
        }

        gained += (right - (begin > 0 ? steps[begin - 1].X : 0)) * (y - floor);
        if (end < steps.Count && steps[end].X == x)
        {
            end++; // lower at the same x: not covered, or Covers had said so
        }

        steps.RemoveRange(begin, end - begin);
        steps.Insert(begin, (x, y));
        return gained;
    }

    private int FirstFrom(double x)
    {
        int low = 0, high = steps.Count;
        while (low < high)
        {
            var middle = (low + high) / 2;
            (low, high) = steps[middle].X >= x ? (low, middle) : (middle + 1, high);
        }

        return low;
    }
}
