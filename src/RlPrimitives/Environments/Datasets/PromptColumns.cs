namespace RlPrimitives.Environments;

/// <summary>Which columns of a data set are what; all others become <see cref="Problem.Fields"/>.</summary>
/// <param name="Prompt">The column with the text given to the model; every row has it.</param>
/// <param name="Answer">The column with the reference answer, if there is one.</param>
/// <param name="Id">The column with the identity, if there is one; otherwise the line or row number.</param>
public sealed record PromptColumns(string Prompt = "prompt", string Answer = "answer", string Id = "id")
{
    /// <summary>A problem from the texts of a row; what is absent (null) is left out.</summary>
    internal Problem Read(IEnumerable<KeyValuePair<string, string?>> row, string place, string number)
    {
        var fields = new Dictionary<string, string>();
        foreach (var (name, value) in row)
        {
            if (value is not null && !fields.TryAdd(name, value))
            {
                throw new InvalidDataException($"{place}: column '{name}' is given twice.");
            }
        }

        return fields.Remove(Prompt, out var prompt)
            ? new Problem(fields.Remove(Id, out var id) && id.Length > 0 ? id : number, prompt, fields.Remove(Answer, out var answer) ? answer : "", fields)
            : throw new InvalidDataException($"{place}: there is no '{Prompt}'; there are {(fields.Count > 0 ? string.Join(", ", fields.Keys) : "no columns")}. Name the columns with PromptColumns.");
    }
}
