namespace RlPrimitives.Rewards;

/// <summary>How scores become rewards. Pure: the same scores give the same rewards.</summary>
public interface IRewardMethod
{
    /// <summary>One reward for each trajectory, [B], larger is better; null, and only then, where no objective scored it.</summary>
    /// <param name="scores">The scores of a batch.</param>
    float?[] Rewards(ScoreTable scores);
}
