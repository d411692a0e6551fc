using static TorchSharp.torch;

namespace RlPrimitives.Models.Attention;

/// <summary>The queries, keys and values of a layer in one tensor, [N, H + 2·Hkv, hd], as one product makes them.</summary>
internal static class JointHeads
{
    /// <summary>Views [N, H, hd], [N, Hkv, hd] and [N, Hkv, hd]; their gradients are joined in one step.</summary>
    public static (Tensor Query, Tensor Key, Tensor Value) Split(Tensor heads, ModelConfig config)
    {
        var parts = heads.split([config.Heads, config.KeyValueHeads, config.KeyValueHeads], 1);
        return (parts[0], parts[1], parts[2]);
    }
}
