using System.Runtime.CompilerServices;
using static TorchSharp.torch;

namespace RlPrimitives.Backprop;

/// <summary>Shape checks: a mismatch inside libtorch can end the process, so it is found here first.</summary>
internal static class Shapes
{
    /// <exception cref="ArgumentException">The shapes differ; the message gives both.</exception>
    public static void CheckEqual(
        Tensor first, Tensor second, [CallerArgumentExpression(nameof(first))] string firstName = "", [CallerArgumentExpression(nameof(second))] string secondName = "")
    {
        if (!first.shape.AsSpan().SequenceEqual(second.shape))
        {
            throw new ArgumentException($"{firstName} has shape [{string.Join(", ", first.shape)}], {secondName} [{string.Join(", ", second.shape)}]; they must be equal.");
        }
    }

    /// <exception cref="ArgumentException">The tensor is not of rank 1.</exception>
    public static void CheckVector(Tensor tensor, [CallerArgumentExpression(nameof(tensor))] string name = "")
    {
        if (tensor.Dimensions != 1)
        {
            throw new ArgumentException($"{name} has shape [{string.Join(", ", tensor.shape)}]; it must be of rank 1.");
        }
    }
}
