namespace RlPrimitives.Rewards;

/// <summary>How scores become rewards. Pure: the same scores give the same rewards.</summary>
public interface IRewardMethod
{
    /// <summary>Whether every objective is standardised within its group already: then an algorithm that would divide by the group's deviation compares over the batch instead, as GDPO does.</summary>
    bool IsStandardized => false;

    /// <summary>One reward for each trajectory, [B], larger is better; null, and only then, where no objective of a weight other than 0 scored it.</summary>
    /// <param name="scores">The scores of a batch.</param>
    float?[] Rewards(ScoreTable scores);
}
