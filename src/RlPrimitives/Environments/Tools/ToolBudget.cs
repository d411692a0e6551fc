namespace RlPrimitives.Environments;

/// <summary>What may be spent on tools in an episode: rides on the state, and the environment spends it.</summary>
/// <param name="Limit">What there was at first, at least 0.</param>
public sealed record ToolBudget(int Limit)
{
    /// <summary>What there was at first.</summary>
    public int Limit { get; init; } = Limit >= 0 ? Limit : throw new ArgumentOutOfRangeException(nameof(Limit), Limit, "A budget is at least 0.");

    /// <summary>What has been spent.</summary>
    public int Spent { get; private init; }

    /// <summary>What is left.</summary>
    public int Left => Limit - Spent;

    /// <summary>The budget after spending; never overdrawn.</summary>
    /// <exception cref="InvalidOperationException">There is less than that left.</exception>
    public ToolBudget Spend(int cost) => cost >= 0 && cost <= Left ? this with { Spent = Spent + cost }
        : throw new InvalidOperationException($"{cost} cannot be spent: {Left} of {Limit} are left.");
}

/// <summary>The tools that an episode offers: rides on the state, so that an environment that opens with a system prompt can tell the model.</summary>
/// <param name="Tools">The tools.</param>
/// <param name="Format">How they are called.</param>
public sealed record OfferedTools(IReadOnlyList<Microsoft.Extensions.AI.AIFunction> Tools, IToolFormat Format);
