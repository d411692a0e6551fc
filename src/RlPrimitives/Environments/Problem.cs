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

    /// <summary>Refuses different problems of one id. The same one several times is no mistake: it is asked more often.</summary>
    internal static IReadOnlyList<Problem> WithIds(IReadOnlyList<Problem> problems)
    {
        var known = new Dictionary<string, Problem>(problems.Count);
        foreach (var problem in problems)
        {
            if (!known.TryAdd(problem.Id, problem) && known[problem.Id] is var other && (other.Prompt, other.Answer) != (problem.Prompt, problem.Answer))
            {
                throw new ArgumentException($"Two problems have the id '{problem.Id}': \"{Shown(other)}\" and \"{Shown(problem)}\". Records and tables tell problems apart by it.", nameof(problems));
            }
        }

        return problems;

        static string Shown(Problem problem) => problem.Prompt.Length <= 60 ? problem.Prompt : $"{problem.Prompt[..60]}…";
    }
}
