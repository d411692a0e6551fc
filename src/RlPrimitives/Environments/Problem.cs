namespace RlPrimitives.Environments;

/// <summary>One task of a data set: what is asked, what would be right, and every further column that a reward may need.</summary>
/// <param name="Id">Unique within its data set.</param>
/// <param name="Prompt">The text given to the model.</param>
/// <param name="Answer">The reference answer; empty where there is none.</param>
/// <param name="Fields">All other columns by name.</param>
public sealed record Problem(string Id, string Prompt, string Answer, IReadOnlyDictionary<string, string> Fields)
{
    /// <summary>A problem without further columns.</summary>
    public Problem(string id, string prompt, string answer)
        : this(id, prompt, answer, new Dictionary<string, string>())
    {
    }
}
