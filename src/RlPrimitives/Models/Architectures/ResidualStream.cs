using RlPrimitives.Models.Native;
using static TorchSharp.torch;

namespace RlPrimitives.Models.Architectures;

/// <summary>What flows from block to block: x + (delta + bias), whose addition waits for the norm that reads the sum, as both are one pass over memory.</summary>
/// <param name="X">[N, D]</param>
/// <param name="Delta">What the last block adds, [N, D]; null for nothing.</param>
/// <param name="Bias">Of that block's last layer, where it has not been added yet, [D]; null for none.</param>
internal readonly record struct ResidualStream(Tensor X, Tensor? Delta = null, Tensor? Bias = null)
{
    /// <summary>The sum, [N, D].</summary>
    public Tensor Sum() => Delta is null ? X : Bias is null ? X.Plus(Delta) : ResidualNorm.Sum(this);

    /// <summary>Lets what a block returns outlive its scope.</summary>
    public ResidualStream MoveToOuterDisposeScope()
    {
        X.MoveToOuterDisposeScope();
        Delta?.MoveToOuterDisposeScope();
        return this;
    }
}
