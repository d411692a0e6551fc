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

    /// <summary>The same state with one more exchange.</summary>
    public State Append(Turn turn) => this with { Turns = Turns.Add(turn) };
}
