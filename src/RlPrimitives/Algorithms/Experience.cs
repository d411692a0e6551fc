using RlPrimitives.Backprop;
using RlPrimitives.Rewards;
using RlPrimitives.Rollouts;

namespace RlPrimitives.Algorithms;

/// <summary>What one iteration collected and scored, and the sequences to train on.</summary>
/// <param name="Rollouts">Trajectories and what collecting them cost.</param>
/// <param name="Scores">Their rewards, every objective apart.</param>
/// <param name="Used">Indices of the trajectories to train on, ascending, [B′]; each has a reward.</param>
/// <param name="Rows">Sequences of each used trajectory, in the order of its turns, [B′][·].</param>
/// <param name="ZeroVarianceFraction">Share of collected groups whose members all have one reward, in [0, 1].</param>
/// <param name="Rounds">Collections that it took.</param>
internal sealed record Experience(RolloutBatch Rollouts, RewardBatch Scores, int[] Used, TrainingRow[][] Rows, double ZeroVarianceFraction, int Rounds)
{
    /// <summary>How the sampler got its weights; null where they are the trained ones.</summary>
    public WeightSyncReport? Sync { get; init; }

    /// <summary>All sequences, one after the other.</summary>
    public TrainingRow[] AllRows => [.. Rows.SelectMany(r => r)];

    /// <summary>Indices of the trajectories that have a reward, ascending: those used, and with dynamic sampling those left out.</summary>
    public int[] Scored { get; } = [.. Enumerable.Range(0, Scores.Totals.Length).Where(i => Scores.Totals[i] is not null)];

    /// <summary>The same experience with other numbers on its sequences.</summary>
    /// <param name="change">From a sequence and what belongs to it to the new sequence.</param>
    /// <param name="values">One for each of <see cref="AllRows"/>.</param>
    public Experience With<T>(IReadOnlyList<T> values, Func<TrainingRow, T, TrainingRow> change)
    {
        var at = 0;
        return this with { Rows = Array.ConvertAll(Rows, rows => Array.ConvertAll(rows, row => change(row, values[at++]))) };
    }

    /// <summary>Inputs of an advantage estimator.</summary>
    /// <param name="klCoefficient">β, where the KL is a part of the reward; the sequences then have reference log-probs.</param>
    /// <param name="penalty">How the KL is estimated and bounded.</param>
    public AdvantageInput ToAdvantageInput(double klCoefficient, KlPenalty penalty) => new(
        Array.ConvertAll(Used, i => Scores.Totals[i]), Array.ConvertAll(Used, i => Rollouts.Trajectories[i].Group), Array.ConvertAll(Rows, rows => rows.Sum(r => r.Trained.Length)))
    {
        TokenPenalties = klCoefficient == 0 ? null : Array.ConvertAll(Rows, rows => rows.SelectMany(row => row.OldLogProbs.Zip(
            row.ReferenceLogProbs!, (old, reference) => (float)(-klCoefficient * Kl.Of(old, reference, penalty.Estimator, penalty.Clamp)))).ToArray()),
        Values = Rows.All(rows => rows.All(r => r.OldValues is not null)) ? Array.ConvertAll(Rows, rows => rows.SelectMany(r => r.OldValues!).ToArray()) : null,
    };

    /// <summary>The sequences with their advantages (and returns, where there are some).</summary>
    public TrainingRow[] RowsWith(AdvantageBatch advantages)
    {
        var result = new List<TrainingRow>();
        for (var b = 0; b < Rows.Length; b++)
        {
            var start = 0;
            foreach (var row in Rows[b])
            {
                var tokens = start..(start + row.Trained.Length);
                result.Add(row with { Advantages = advantages.PerToken[b][tokens], Returns = advantages.Returns?[b][tokens] });
                start = tokens.End.Value;
            }
        }

        return [.. result];
    }
}
