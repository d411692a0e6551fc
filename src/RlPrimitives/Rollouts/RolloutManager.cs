using System.Runtime.CompilerServices;
using RlPrimitives.Environments;
using RlPrimitives.Inference;

namespace RlPrimitives.Rollouts;

/// <summary>Runs many trajectories of different lengths at once. The same seed, model and options give the same trajectories, whatever the threads do.</summary>
/// <param name="environment">What the trajectories interact with.</param>
/// <param name="config">How they are collected.</param>
public sealed class RolloutManager(BaseEnvironment environment, RolloutConfig config)
{
    private readonly Lock sync = new();
    private ulong round;
    private long cursor;
    private (ulong Epoch, int[] Indices) order = (ulong.MaxValue, []);

    /// <summary>What the trajectories interact with.</summary>
    public BaseEnvironment Environment => environment;

    /// <summary>How rollouts are collected.</summary>
    public RolloutConfig Config => config;

    /// <summary>Where it stands, between two collections; see <see cref="Restore"/>.</summary>
    public RolloutState State
    {
        get
        {
            lock (sync)
            {
                return new RolloutState(round, cursor, config.Seed, environment.Problems.Count);
            }
        }
    }

    /// <summary>Goes on where another manager stood: the same problems follow, with the same random streams.</summary>
    /// <param name="state">From a manager with the same seed and problems.</param>
    /// <exception cref="ArgumentException">It belongs to another seed or another number of problems.</exception>
    public void Restore(RolloutState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        if (state.Seed != config.Seed || state.Problems != environment.Problems.Count || state.Cursor < 0)
        {
            throw new ArgumentException(
                $"The state is of seed {state.Seed}, {state.Problems} problems and cursor {state.Cursor}; this manager has seed {config.Seed} and {environment.Problems.Count} problems. " +
                "Make it with the configuration and problems of the run that is resumed.", nameof(state));
        }

        lock (sync)
        {
            (round, cursor) = (state.Round, state.Cursor);
        }
    }

    /// <summary>Collects rollouts of the next problems of the environment, in an order shuffled anew each time all have been seen.</summary>
    /// <param name="count">Trajectories wanted: a multiple of the group size.</param>
    /// <param name="progress">Told of each finished trajectory.</param>
    /// <param name="cancellationToken">Ends the collection; nothing is left running.</param>
    public Task<RolloutBatch> CollectAsync(int count, IProgress<RolloutProgress>? progress = null, CancellationToken cancellationToken = default) =>
        CollectAsync(NextProblems(count), progress, cancellationToken);

    /// <summary>Collects a group of rollouts of each given problem.</summary>
    /// <param name="problems">P problems.</param>
    /// <param name="progress">Told of each finished trajectory.</param>
    /// <param name="cancellationToken">Ends the collection; nothing is left running. An environment that ignores it is left behind after five seconds, unable to ask the model.</param>
    /// <returns>P·G trajectories, ordered by group and member. A failed one is among them, with what was thrown.</returns>
    public async Task<RolloutBatch> CollectAsync(
        IReadOnlyList<Problem> problems, IProgress<RolloutProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(problems);
        var started = config.Time.GetTimestamp();
        var before = environment.Inference.Backend.Activity;
        var all = new List<Finished>();
        var done = 0;
        var collection = new Collection(environment, config, NextRound(), problems, attempt =>
        {
            lock (all)
            {
                all.Add(attempt);
            }

            if (attempt.IsFinal)
            {
                progress?.Report(new RolloutProgress(Interlocked.Increment(ref done), problems.Count * config.GroupSize));
            }
        });
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, Interruption.Token);
        await collection.RunAsync(stop.Token).ConfigureAwait(false);

        var ordered = all.OrderBy(f => (f.Trajectory.Group, f.Trajectory.Member, f.Trajectory.Attempt)).ToArray();
        var trajectories = ordered.Where(f => f.IsFinal).Select(f => f.Trajectory).ToArray();
        var retried = ordered.Where(f => !f.IsFinal).Select(f => f.Trajectory).ToArray();
        var seconds = config.Time.GetElapsedTime(started).TotalSeconds;
        var activity = environment.Inference.Backend.Activity is { } now && before is { } then ? now.Since(then) : (BackendActivity?)null;
        return new RolloutBatch(
            trajectories,
            RolloutStatistics.Of(trajectories, seconds, retried.Length),
            new RolloutTimings(seconds, collection.Places, Array.ConvertAll(ordered, f => f.Timing), activity),
            retried);
    }

    /// <summary>Rollouts of the next problems, each as soon as it is finished. Leaving the loop ends the others.</summary>
    /// <remarks>
    /// With <see cref="RolloutConfig.Deterministic"/> (and a backend that repeats) the order repeats too: those that finish between two decode steps come in
    /// order of group and member, and the model waits while the caller works on them, so even a caller that trains the model inside the loop repeats bit for bit.
    /// Without it, each comes at once and the model goes on meanwhile.
    /// </remarks>
    /// <param name="count">Trajectories wanted: a multiple of the group size.</param>
    /// <param name="cancellationToken">Ends the stream; nothing is left running.</param>
    public IAsyncEnumerable<Trajectory> StreamAsync(int count, CancellationToken cancellationToken = default) => StreamAsync(NextProblems(count), cancellationToken);

    /// <summary>A group of rollouts of each given problem, each trajectory as soon as it is finished; as <see cref="StreamAsync(int, CancellationToken)"/>.</summary>
    /// <param name="problems">P problems.</param>
    /// <param name="cancellationToken">Ends the stream; nothing is left running.</param>
    public IAsyncEnumerable<Trajectory> StreamAsync(IReadOnlyList<Problem> problems, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(problems);
        return TrajectoryStream.RunAsync(report => new Collection(environment, config, NextRound(), problems, report), config.Deterministic, cancellationToken);
    }

    /// <summary>Rollouts of the next problems, each group as soon as its last member is finished; otherwise as <see cref="StreamAsync(int, CancellationToken)"/>.</summary>
    /// <param name="count">Trajectories wanted: a multiple of the group size.</param>
    /// <param name="cancellationToken">Ends the stream; nothing is left running.</param>
    public IAsyncEnumerable<RolloutGroup> StreamGroupsAsync(int count, CancellationToken cancellationToken = default)
    {
        var problems = NextProblems(count);
        return GroupsAsync(problems, cancellationToken);
    }

    private async IAsyncEnumerable<RolloutGroup> GroupsAsync(IReadOnlyList<Problem> problems, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var open = new Dictionary<int, List<Trajectory>>();
        await foreach (var trajectory in StreamAsync(problems, cancellationToken).ConfigureAwait(false))
        {
            if (!open.TryGetValue(trajectory.Group, out var members))
            {
                open[trajectory.Group] = members = [];
            }

            members.Add(trajectory);
            if (members.Count == config.GroupSize)
            {
                open.Remove(trajectory.Group);
                yield return new RolloutGroup(trajectory.Group, members.OrderBy(t => t.Member).ToArray());
            }
        }
    }

    private ulong NextRound()
    {
        lock (sync)
        {
            return round++;
        }
    }

    private Problem[] NextProblems(int count)
    {
        if (count < 1 || count % config.GroupSize != 0)
        {
            throw new ArgumentOutOfRangeException(nameof(count), count, $"The number of trajectories must be a positive multiple of the group size, {config.GroupSize}.");
        }

        lock (sync)
        {
            return Enumerable.Range(0, count / config.GroupSize).Select(_ => NextProblem()).ToArray();
        }
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
}
