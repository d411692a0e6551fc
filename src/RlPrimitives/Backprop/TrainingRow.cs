using RlPrimitives.Environments;
using RlPrimitives.Rollouts;

namespace RlPrimitives.Backprop;

/// <summary>One sequence to train on. Only sampled tokens carry loss; the gradient with respect to all others is exactly zero.</summary>
/// <param name="Ids">Every token, [T].</param>
/// <param name="Trained">Places of the sampled tokens in <paramref name="Ids"/>, ascending, each at least 1, [L].</param>
/// <param name="OldLogProbs">Their log-probs at collection, nats, [L].</param>
/// <param name="Advantages">Their advantages, [L].</param>
/// <param name="Temperature">The temperature they were sampled at.</param>
public sealed record TrainingRow(int[] Ids, int[] Trained, float[] OldLogProbs, float[] Advantages, float Temperature = 1)
{
    /// <summary>The sequences of a trajectory: one where each turn continues the last token for token, otherwise one a turn.</summary>
    /// <param name="trajectory">What was sampled.</param>
    /// <param name="advantage">Its advantage, the same for all of its tokens.</param>
    public static IEnumerable<TrainingRow> From(Trajectory trajectory, float advantage)
    {
        ArgumentNullException.ThrowIfNull(trajectory);
        List<int> ids = [], trained = [];
        List<float> old = [];
        var temperature = 1f;
        foreach (var turn in trajectory.Turns.Where(t => t.TokenIds.Length > 0))
        {
            if (ids.Count > 0 && (temperature != turn.Temperature || !Continues(turn, ids)))
            {
                yield return Row();
                ids.Clear();
                trained.Clear();
                old.Clear();
            }

            temperature = turn.Temperature;
            ids.AddRange(turn.PromptIds.AsSpan(ids.Count).ToArray());
            trained.AddRange(Enumerable.Range(ids.Count, turn.TokenIds.Length));
            ids.AddRange(turn.TokenIds);
            old.AddRange(turn.LogProbs);
        }

        if (ids.Count > 0)
        {
            yield return Row();
        }

        TrainingRow Row() => new([.. ids], [.. trained], [.. old], Enumerable.Repeat(advantage, trained.Count).ToArray(), temperature);
    }

    private static bool Continues(Turn turn, List<int> ids) =>
        turn.PromptIds.Length >= ids.Count && turn.PromptIds.AsSpan(0, ids.Count).SequenceEqual(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(ids));
}
