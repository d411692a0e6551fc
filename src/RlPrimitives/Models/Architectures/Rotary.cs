using RlPrimitives.Models.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RlPrimitives.Models.Architectures;

/// <summary>Rotary position embedding (Su et al. 2021, arXiv:2104.09864), in the half-split layout of Hugging Face checkpoints.</summary>
internal sealed class Rotary : IDisposable
{
    private readonly Tensor frequencies; // [hd/2]
    private readonly long half;

    public Rotary(ModelConfig config)
    {
        half = config.HeadDimension / 2;
        frequencies = torch.tensor(Frequencies(config)).DetachFromDisposeScope();
    }

    /// <summary>Angular frequency of each feature pair, radians per token, [hd/2]; scaled as <see cref="ModelConfig.RopeScaling"/> says.</summary>
    public static float[] Frequencies(ModelConfig config)
    {
        var result = new float[config.HeadDimension / 2];
        for (var i = 0; i < result.Length; i++)
        {
            var frequency = 1.0 / Math.Pow(config.RopeTheta, 2.0 * i / config.HeadDimension);
            result[i] = (float)(config.RopeScaling switch
            {
                null => frequency,
                { Kind: RopeScalingKind.Linear } linear => frequency / linear.Factor,
                { Kind: RopeScalingKind.Llama3 } llama3 => Llama3(frequency, llama3),
                var other => throw new NotSupportedException($"Rotary scaling {other.Kind} is not supported."),
            });
        }

        return result;
    }

    /// <summary>Cosines and signed sines of the given positions, each [N, 1, hd]: the first half's sines are negative.</summary>
    public (Tensor Cos, Tensor Sin) At(Tensor positions, ScalarType type)
    {
        var angles = outer(positions.to(ScalarType.Float32), frequencies.to(positions.device));  // [N, hd/2]
        Tensor cos = angles.cos(), sin = angles.sin();
        return (cat([cos, cos], 1).unsqueeze(1).to(type), cat([sin.neg(), sin], 1).unsqueeze(1).to(type));
    }

    /// <summary>Rotates the first <paramref name="rotated"/> of heads [N, heads, hd], and leaves the others as they are.</summary>
    public Tensor Rotate(Tensor heads, long rotated, (Tensor Cos, Tensor Sin) at)
    {
        if (HostOperations.Fits(heads))
        {
            return Rotation.Apply(heads, rotated, at.Cos, at.Sin);
        }

        var parts = heads.split([rotated, heads.size(1) - rotated], 1);
        // (x₁, x₂) → (x₁ cos − x₂ sin, x₂ cos + x₁ sin): swapping the halves and the sign in the sines does both at once.
        return cat([parts[0].mul(at.Cos).addcmul(parts[0].roll(half, -1), at.Sin, Scalars.Of(1)), parts[1]], 1);
    }

    public void Dispose() => frequencies.Dispose();

    private static double Llama3(double frequency, RopeScaling scaling)
    {
        var wavelength = 2 * Math.PI / frequency;
        var ratio = scaling.OriginalContextLength / wavelength;
        if (ratio < scaling.LowFrequencyFactor)
        {
            return frequency / scaling.Factor;
        }

        if (ratio > scaling.HighFrequencyFactor)
        {
            return frequency;
        }

        var smooth = (ratio - scaling.LowFrequencyFactor) / (scaling.HighFrequencyFactor - scaling.LowFrequencyFactor);
        return ((1 - smooth) * frequency / scaling.Factor) + (smooth * frequency);
    }
}
