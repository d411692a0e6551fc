using System.Collections.Immutable;

namespace RlPrimitives.Environments;

/// <summary>Where an episode stands: immutable, so that an environment keeps nothing of it.</summary>
public sealed record State
{
    private ImmutableDictionary<Type, object> Features { get; init; } = ImmutableDictionary<Type, object>.Empty;

    /// <summary>An episode about to begin.</summary>
    /// <param name="problem">What is asked.</param>
    public State(Problem problem) => Problem = problem;

    /// <summary>What is asked.</summary>
    public Problem Problem { get; init; }

    /// <summary>The exchanges so far, oldest first.</summary>
    public ImmutableArray<Turn> Turns { get; init; } = [];

    /// <summary>Ids said after the last turn (a tool's result, the next question): the next prompt ends with them, and nothing of them is trained on.</summary>
    public ImmutableArray<int> Observation { get; init; } = [];

    /// <summary>Whether the task ended by itself.</summary>
    public bool IsTerminated { get; init; }

    /// <summary>Whether a limit ended it first.</summary>
    public bool IsTruncated { get; init; }

    /// <summary>Whether it ended either way.</summary>
    public bool IsOver => IsTerminated || IsTruncated;

    /// <summary>The same state with a typed feature added or replaced: how a capability keeps its own notes.</summary>
    public State With<T>(T feature)
        where T : notnull => this with { Features = Features.SetItem(typeof(T), feature) };

    /// <summary>The feature of type <typeparamref name="T"/>; null where there is none.</summary>
    public T? Get<T>()
        where T : class => Features.GetValueOrDefault(typeof(T)) as T;

    /// <summary>The same state with one more exchange; what was observed before it is part of its prompt now.</summary>
    public State Append(Turn turn) => this with { Turns = Turns.Add(turn), Observation = [] };

    /// <summary>The same state with more said after the last turn; make the ids with <see cref="BaseEnvironment.EncodeMessages"/>.</summary>
    /// <exception cref="InvalidOperationException">There is no turn yet: the first prompt is the environment's own.</exception>
    public State Observe(params ReadOnlySpan<int> ids) => Turns.IsEmpty ? throw new InvalidOperationException("Nothing can be observed before the first turn; say it in the prompt.")
        : this with { Observation = Observation.AddRange(ids) };
}
