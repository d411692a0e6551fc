using static TorchSharp.torch;

namespace RlPrimitives.Models.Attention;

/// <summary>How the tokens of a batch see one another; the layers do not know whether a cache stands behind it.</summary>
public interface IAttention
{
    /// <summary>Attends in layer <paramref name="layer"/>.</summary>
    /// <param name="layer">0-based layer.</param>
    /// <param name="heads">Queries and keys, rotated, and values: [N, H + 2·Hkv, hd].</param>
    /// <returns>[N, H·hd]</returns>
    Tensor Attend(int layer, Tensor heads);
}
