namespace RlPrimitives.Rollouts;

/// <summary>Where a <see cref="RolloutManager"/> stands between two collections: with it another manager goes on exactly as this one would.</summary>
/// <param name="Round">Collections begun; part of every random stream.</param>
/// <param name="Cursor">Problems handed out; with the seed it gives the shuffled order and the place in it.</param>
/// <param name="Seed">Seed that it belongs to.</param>
/// <param name="Problems">Number of problems that it belongs to.</param>
public sealed record RolloutState(ulong Round, long Cursor, ulong Seed, int Problems);
