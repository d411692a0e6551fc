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
    /// <summary>Log-probs of the sampled tokens as the sampler gave them, nats, [L]; null where they are <see cref="OldLogProbs"/>.</summary>
    public float[]? SamplerLogProbs { get; init; }

    /// <summary>Log-probs of the sampled tokens under the reference, nats, [L]; null until they are needed.</summary>
    public float[]? ReferenceLogProbs { get; init; }

    /// <summary>Values at collection, [L]; null without a value model.</summary>
    public float[]? OldValues { get; init; }

    /// <summary>Returns that the values are trained towards, [L]; null without a value model.</summary>
    public float[]? Returns { get; init; }

    /// <summary>
    /// The sequences of a trajectory: one where each turn continues the last token for token, otherwise one a turn. What was sampled greedily (temperature 0) has no gradient: it is read
    /// like an observation, and not trained on.
    /// </summary>
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
            var isTrained = turn.Temperature > 0;
            if (ids.Count > 0 && ((isTrained && trained.Count > 0 && temperature != turn.Temperature) || !Continues(turn, ids)))
            {
                if (trained.Count > 0)
                {
                    yield return Row();
                }

                ids.Clear();
                trained.Clear();
                old.Clear();
            }

            ids.AddRange(turn.PromptIds.AsSpan(ids.Count).ToArray());
            if (isTrained)
            {
                temperature = turn.Temperature;
                trained.AddRange(Enumerable.Range(ids.Count, turn.TokenIds.Length));
                old.AddRange(turn.LogProbs);
            }

            ids.AddRange(turn.TokenIds);
        }

        if (trained.Count > 0)
        {
            yield return Row();
        }

        TrainingRow Row() => new([.. ids.Take(trained[^1] + 1)], [.. trained], [.. old], Enumerable.Repeat(advantage, trained.Count).ToArray(), temperature);
    }

    /// <summary>Checks what a native call would not survive.</summary>
    /// <param name="index">Its place in the batch, for the message.</param>
    /// <param name="vocabulary">V of the model.</param>
    /// <exception cref="ArgumentException">Lengths or places do not fit.</exception>
    internal void Check(int index, int vocabulary)
    {
        if (Array.FindIndex(Ids, id => (uint)id >= (uint)vocabulary) is >= 0 and var odd)
        {
            throw new ArgumentException($"Row {index} holds token id {Ids[odd]} at place {odd}; the model's vocabulary is 0 … {vocabulary - 1}. Was it sampled by another model?");
        }

        if (!(Temperature > 0 && float.IsFinite(Temperature)))
        {
            throw new ArgumentException(FormattableString.Invariant($"Row {index} was sampled at temperature {Temperature}; it must be finite and above 0 (greedy samples have no gradient, leave them out)."));
        }

        var length = Trained.Length;
        if (length == 0 || length != OldLogProbs.Length || length != Advantages.Length || Trained[0] < 1 || Trained[^1] >= Ids.Length)
        {
            throw new ArgumentException($"Row {index} has {Ids.Length} tokens, {length} trained places, {OldLogProbs.Length} old log-probs and " +
                $"{Advantages.Length} advantages: the last three must be equal and at least 1, and places within [1, {Ids.Length - 1}].");
        }

        for (var i = 1; i < length; i++)
        {
            if (Trained[i] <= Trained[i - 1])
            {
                throw new ArgumentException($"Row {index}: trained place {Trained[i]} follows {Trained[i - 1]}; places ascend.");
            }
        }

        foreach (var (name, values) in (ReadOnlySpan<(string, float[]?)>)
            [(nameof(SamplerLogProbs), SamplerLogProbs), (nameof(ReferenceLogProbs), ReferenceLogProbs), (nameof(OldValues), OldValues), (nameof(Returns), Returns)])
        {
            if (values is not null && values.Length != length)
            {
                throw new ArgumentException($"Row {index} has {length} trained places but {values.Length} {name}; they must be equal.");
            }
        }
    }

    private static bool Continues(Turn turn, List<int> ids) =>
        turn.PromptIds.Length >= ids.Count && turn.PromptIds.AsSpan(0, ids.Count).SequenceEqual(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(ids));
}
