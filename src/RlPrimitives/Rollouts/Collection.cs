using RlPrimitives.Environments;
using RlPrimitives.Inference;

namespace RlPrimitives.Rollouts;

/// <summary>One collection: the places, the attempts made in them, and what each came to.</summary>
/// <param name="environment">What the trajectories interact with.</param>
/// <param name="config">How they are collected.</param>
/// <param name="round">Number of the collection, part of every random stream.</param>
/// <param name="problems">P problems.</param>
/// <param name="finished">Told of each trajectory, before its place is taken by another; may be called by several threads at once.</param>
internal sealed class Collection(
    BaseEnvironment environment, RolloutConfig config, ulong round, IReadOnlyList<Problem> problems, Action<Finished> finished)
{
    private readonly long began = config.Time.GetTimestamp();
    private readonly Lock sync = new();
    private int next;

    /// <summary>Keeps the backend waiting while a trajectory runs.</summary>
    public AdmissionGate Gate { get; } = new(config.Deterministic && environment.Inference.Backend.IsRepeatable, config.Time);

    /// <summary>Trajectories asked for.</summary>
    public int Total { get; } = problems.Count * config.GroupSize;

    /// <summary>Trajectories under way at once, at most.</summary>
    public int Places => Math.Min(config.NumParallel, Total);

    /// <summary>Runs to the end; what is left of a trajectory when this ends can no longer ask the model.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        while (next < Total)
        {
            // All participants enter before the first one runs: the backend must not start on half of them.
            var first = Enumerable.Range(0, Math.Min(Places, Total - next)).Select(place => (Place: place, Start: Take(cancellationToken))).ToArray();
            await Task.WhenAll(first.Select(p => Task.Run(() => WorkAsync(p.Place, p.Start, cancellationToken), CancellationToken.None))).ConfigureAwait(false);
            cancellationToken.ThrowIfCancellationRequested();
        }
    }

    private (int Index, AdmissionGate.Participant Participant)? Take(CancellationToken cancellationToken)
    {
        lock (sync)
        {
            if (next >= Total || cancellationToken.IsCancellationRequested)
            {
                return null;
            }

            var index = next++;
            return (index, Enter(index, attempt: 0));
        }
    }

    private AdmissionGate.Participant Enter(int index, int attempt)
    {
        var (group, member) = ((ulong)(index / config.GroupSize), (ulong)(index % config.GroupSize));
        var random = attempt == 0 ? RandomStream.For(config.Seed, round, group, member) : RandomStream.For(config.Seed, round, group, member, (ulong)attempt);
        return Gate.Enter(index, random);
    }

    private async Task WorkAsync(int place, (int Index, AdmissionGate.Participant Participant)? taken, CancellationToken cancellationToken)
    {
        while (taken is { } t)
        {
            var participant = t.Participant;
            try
            {
                for (var attempt = 0; ; attempt++)
                {
                    var outcome = await AttemptAsync(t.Index, attempt, place, participant, cancellationToken).ConfigureAwait(false);
                    var again = config.Retry.Covers(outcome.Trajectory) && !cancellationToken.IsCancellationRequested;
                    finished(outcome with { IsFinal = !again });
                    if (!again)
                    {
                        break;
                    }

                    // The successor enters before this one leaves, so that the gate never looks quiet between them.
                    var successor = Enter(t.Index, attempt + 1);
                    participant.Dispose();
                    participant = successor;
                }

                taken = config.MaintainParallelCount ? Take(cancellationToken) : null;
            }
            finally
            {
                participant.Dispose(); // whatever happens: the others wait for it
            }
        }
    }

    private async Task<Finished> AttemptAsync(int index, int attempt, int place, AdmissionGate.Participant participant, CancellationToken cancellationToken)
    {
        var start = config.Time.GetElapsedTime(began).TotalSeconds;
        var trajectory = await participant.Run(() => Attempt.RunAsync(environment, config, problems[index / config.GroupSize], index, attempt, participant, cancellationToken))
            .ConfigureAwait(false);
        var end = config.Time.GetElapsedTime(began).TotalSeconds;
        var timing = new TrajectoryTiming(
            trajectory.Group, trajectory.Member, attempt, place, start, end, participant.InModel.TotalSeconds,
            trajectory.Turns.Sum(turn => turn.ToolCalls.IsDefault ? 0 : turn.ToolCalls.Sum(c => c.Seconds)), trajectory.Status);
        return new Finished(trajectory, timing, IsFinal: true);
    }
}

/// <summary>What one attempt came to.</summary>
/// <param name="Trajectory">The trajectory.</param>
/// <param name="Timing">When it ran.</param>
/// <param name="IsFinal">Whether no other attempt follows.</param>
internal sealed record Finished(Trajectory Trajectory, TrajectoryTiming Timing, bool IsFinal);
