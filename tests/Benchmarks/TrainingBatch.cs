namespace Benchmarks;

/// <summary>What a training step is taken on.</summary>
/// <param name="Name">For the table.</param>
/// <param name="Lengths">Tokens of each row that are trained on.</param>
internal sealed record TrainingBatch(string Name, int[] Lengths)
{
    private const int Rows = 16;

    /// <summary>Rows as long as one another, and rows of 16–128 tokens, as rollouts are.</summary>
    public static TrainingBatch[] All { get; } =
    [
        new("train 16×128", Enumerable.Repeat(128, Rows).ToArray()),
        new("train 16 mixed", Enumerable.Range(0, Rows).Select(i => 16 + (i * 53 % 113)).ToArray()),
    ];

    /// <summary>Tokens with a loss: what either side is credited with.</summary>
    public int Tokens => Lengths.Sum();

    /// <summary>Ids of each row: the inputs are all but the last, the targets all but the first.</summary>
    public int[][] Ids() => Lengths.Select((length, row) => Workload.Ids(length + 1, 0, (ulong)row)).ToArray();
}
