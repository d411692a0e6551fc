using RlPrimitives.Rollouts;

namespace RlPrimitives.Notebooks.Tokens;

/// <summary>What is known of the sampled tokens of one trajectory, over all its turns.</summary>
/// <param name="Advantages">One for each sampled token; null: unknown.</param>
/// <param name="Ratios">One for each sampled token; null: unknown.</param>
/// <param name="Mask">One for each sampled token, true where it is trained on; null: all are.</param>
internal sealed record TokenMarks(IReadOnlyList<float>? Advantages, IReadOnlyList<float>? Ratios, IReadOnlyList<bool>? Mask)
{
    /// <exception cref="ArgumentException">A list is not as long as there are sampled tokens.</exception>
    public TokenMarks CheckedFor(Trajectory trajectory)
    {
        Check(Advantages?.Count, "advantages");
        Check(Ratios?.Count, "ratios");
        Check(Mask?.Count, "mask");
        return this;

        void Check(int? count, string name)
        {
            if (count is { } given && given != trajectory.ResponseTokens)
            {
                throw new ArgumentException($"{given} {name} for {trajectory.ResponseTokens} sampled tokens of trajectory {trajectory.Group}.{trajectory.Member}: give one for each, over all turns.", name);
            }
        }
    }
}
