namespace RlPrimitives.Environments;

/// <summary>The problems of a file as they are read, each with an identity of its own.</summary>
/// <param name="columns">Which columns are what.</param>
internal sealed class ProblemList(PromptColumns columns)
{
    private readonly Dictionary<string, string> placeOf = [];

    /// <summary>Those read so far.</summary>
    public List<Problem> Problems { get; } = [];

    /// <summary>Adds a row; what is absent (null) is left out.</summary>
    /// <param name="row">Column → text.</param>
    /// <param name="place">Where it stands, for messages.</param>
    /// <param name="number">Its identity where it names none.</param>
    public void Add(IEnumerable<KeyValuePair<string, string?>> row, string place, string number)
    {
        var problem = columns.Read(row, place, number);
        if (!placeOf.TryAdd(problem.Id, place))
        {
            throw new InvalidDataException($"{place}: the id '{problem.Id}' is that of {placeOf[problem.Id]} already, and records and tables tell problems apart by it. " +
                "Give each row its own, or name another column with PromptColumns (one that does not exist: rows are numbered).");
        }

        Problems.Add(problem);
    }
}
