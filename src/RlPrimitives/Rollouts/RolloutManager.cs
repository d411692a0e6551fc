using System.Diagnostics;
using RlPrimitives.Environments;
using RlPrimitives.Inference;

namespace RlPrimitives.Rollouts;

/// <summary>Runs many trajectories of different lengths at once. The same seed, model and options give the same trajectories, whatever the threads do.</summary>
/// <param name="environment">What the trajectories interact with.</param>
/// <param name="config">How they are collected.</param>
public sealed class RolloutManager(BaseEnvironment environment, RolloutConfig config)
{
    private ulong round;
    private long cursor;
    private (ulong Epoch, int[] Indices) order = (ulong.MaxValue, []);

    /// <summary>How rollouts are collected.</summary>
    public RolloutConfig Config => config;

    /// <summary>Collects rollouts of the next problems of the environment, in an order shuffled anew each time all have been seen.</summary>
    /// <param name="count">Trajectories wanted: a multiple of the group size.</param>
    /// <param name="progress">Told of each finished trajectory.</param>
    /// <param name="cancellationToken">Ends the collection; nothing is left running.</param>
    public Task<RolloutBatch> CollectAsync(int count, IProgress<RolloutProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        if (count < 1 || count % config.GroupSize != 0)
        {
            throw new ArgumentOutOfRangeException(nameof(count), count, $"The number of trajectories must be a positive multiple of the group size, {config.GroupSize}.");
        }

        var problems = Enumerable.Range(0, count / config.GroupSize).Select(_ => NextProblem()).ToArray();
        return CollectAsync(problems, progress, cancellationToken);
    }

    /// <summary>Collects a group of rollouts of each given problem.</summary>
    /// <param name="problems">P problems.</param>
    /// <param name="progress">Told of each finished trajectory.</param>
    /// <param name="cancellationToken">Ends the collection; nothing is left running.</param>
    /// <returns>P·G trajectories, ordered by group and member. A failed one is among them, with what was thrown.</returns>
    public async Task<RolloutBatch> CollectAsync(
        IReadOnlyList<Problem> problems, IProgress<RolloutProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(problems);
        var started = Stopwatch.GetTimestamp();
        var thisRound = round++;
        var total = problems.Count * config.GroupSize;
        var trajectories = new Trajectory[total];
        var gate = new AdmissionGate(config.Deterministic);
        int next = 0, finished = 0;
        var sync = new Lock();
        while (next < total)
        {
            var places = Math.Min(config.NumParallel, total - next);
            // All participants enter before the first one runs: the backend must not start on half of them.
            var first = Enumerable.Range(0, places).Select(_ => Take()).ToArray();
            await Task.WhenAll(first.Select(place => Task.Run(() => WorkAsync(place), CancellationToken.None))).ConfigureAwait(false);
            cancellationToken.ThrowIfCancellationRequested();
        }

        return new RolloutBatch(trajectories, Statistics(trajectories, Stopwatch.GetElapsedTime(started).TotalSeconds));

        (int Index, AdmissionGate.Participant Participant)? Take()
        {
            lock (sync)
            {
                if (next >= total || cancellationToken.IsCancellationRequested)
                {
                    return null;
                }

                var index = next++;
                var stream = RandomStream.For(config.Seed, thisRound, (ulong)(index / config.GroupSize), (ulong)(index % config.GroupSize));
                return (index, gate.Enter(index, stream));
            }
        }

        async Task WorkAsync((int Index, AdmissionGate.Participant Participant)? place)
        {
            while (place is { } p)
            {
                using var leaves = p.Participant; // whatever happens: the others wait for it
                trajectories[p.Index] = await p.Participant.Run(() => RunAsync(problems[p.Index / config.GroupSize], p.Index, cancellationToken)).ConfigureAwait(false);
                progress?.Report(new RolloutProgress(Interlocked.Increment(ref finished), total));
                // The successor enters before this one leaves, so that the gate never looks quiet between them.
                place = config.MaintainParallelCount ? Take() : null;
            }
        }
    }

    private async Task<Trajectory> RunAsync(Problem problem, int index, CancellationToken cancellationToken)
    {
        var (group, member) = (index / config.GroupSize, index % config.GroupSize);
        var state = new State(problem);
        try
        {
            state = environment.Reset(problem);
            for (var step = 0; step < config.MaxSteps && !state.IsOver; step++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                state = await environment.StepAsync(state, cancellationToken).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return new Trajectory(problem, group, member, state.Turns, TrajectoryStatus.Truncated); // CollectAsync throws once all have ended
        }
        catch (Exception e)
        {
            // Whatever an environment throws fails this trajectory, which is data, and not the batch.
            return new Trajectory(problem, group, member, state.Turns, TrajectoryStatus.Failed, $"{e.GetType().Name}: {e.Message}");
        }

        return new Trajectory(problem, group, member, state.Turns, state.IsTerminated ? TrajectoryStatus.Terminated : TrajectoryStatus.Truncated);
    }

    private Problem NextProblem()
    {
        var count = environment.Problems.Count;
        var (epoch, place) = ((ulong)(cursor / count), (int)(cursor % count));
        cursor++;
        if (order.Epoch != epoch)
        {
            order = (epoch, Shuffle(count, RandomStream.For(config.Seed, ulong.MaxValue, epoch)));
        }

        return environment.Problems[order.Indices[place]];
    }

    private static int[] Shuffle(int count, RandomStream random)
    {
        var indices = Enumerable.Range(0, count).ToArray();
        for (var i = count - 1; i > 0; i--)
        {
            var j = (int)(random.NextUniform((ulong)i) * (i + 1));
            (indices[i], indices[j]) = (indices[j], indices[i]);
        }

        return indices;
    }

    private static RolloutStatistics Statistics(Trajectory[] all, double seconds)
    {
        var usable = all.Where(t => t.IsUsable).ToArray();
        return new RolloutStatistics(
            all.Length,
            all.Count(t => t.Status == TrajectoryStatus.Terminated),
            all.Count(t => t.Status == TrajectoryStatus.Truncated),
            all.Count(t => t.Status == TrajectoryStatus.Failed),
            all.Sum(t => t.Turns.Length),
            all.Sum(t => t.Turns.IsEmpty ? 0 : t.Turns[0].PromptIds.Length),
            all.Sum(t => t.ResponseTokens),
            usable.Length == 0 ? 0 : usable.Average(t => (double)t.ResponseTokens),
            usable.Length == 0 ? 0 : usable.Max(t => t.ResponseTokens),
            seconds);
    }
}
