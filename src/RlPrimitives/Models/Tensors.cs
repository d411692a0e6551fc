using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace RlPrimitives.Models;

/// <summary>Moving values between managed arrays and tensors.</summary>
internal static class Tensors
{
    /// <summary>An int64 tensor that no dispose scope of the caller ends; its owner disposes it.</summary>
    public static Tensor Detached(long[] values, Device? device)
    {
        var tensor = device is null || device.type == DeviceType.CPU ? torch.tensor(values) : torch.tensor(values, device: device);
        return tensor.DetachFromDisposeScope();
    }

    /// <summary>The values of a contiguous float32 CPU tensor, without a copy; valid while <paramref name="tensor"/> lives.</summary>
    public static Span<float> Floats(Tensor tensor)
    {
        if (tensor.dtype != ScalarType.Float32 || tensor.device_type != DeviceType.CPU || !tensor.is_contiguous())
        {
            throw new ArgumentException($"A contiguous float32 CPU tensor is needed, this one is {tensor.dtype} on {tensor.device}.", nameof(tensor));
        }

        return MemoryMarshal.Cast<byte, float>(tensor.bytes);
    }

    /// <summary>A copy of any tensor's values as float32.</summary>
    public static float[] ToArray(Tensor tensor)
    {
        using var scope = NewDisposeScope();
        var flat = tensor.detach().to(ScalarType.Float32).cpu().contiguous();
        return Floats(flat).ToArray();
    }
}
