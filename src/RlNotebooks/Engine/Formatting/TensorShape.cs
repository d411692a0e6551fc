using System.Globalization;
using static TorchSharp.torch;

namespace RlNotebooks.Engine.Formatting;

/// <summary>A tensor as its shape, type, device and first values: never the whole, which may be gigabytes on another device.</summary>
internal static class TensorShape
{
    private const int MostValues = 8;

    public static Scalar Of(object value)
    {
        var tensor = (Tensor)value;
        if (tensor.IsInvalid)
        {
            return new Scalar("Tensor (disposed)");
        }

        var head = string.Create(CultureInfo.InvariantCulture, $"Tensor [{string.Join(", ", tensor.shape)}] {tensor.dtype.ToString().ToLowerInvariant()} {tensor.device}");
        return new Scalar(tensor.numel() == 0 ? $"{head}, empty" : $"{head}\n{Values(tensor)}");
    }

    private static string Values(Tensor tensor)
    {
        if (tensor.is_sparse || tensor.dtype is ScalarType.ComplexFloat32 or ScalarType.ComplexFloat64)
        {
            return "(values are not shown)";
        }

        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var count = (int)Math.Min(MostValues, tensor.numel());

        // Index by index: flattening a tensor that is not contiguous would copy all of it.
        var values = Enumerable.Range(0, count).Select(i => Text(Element(tensor, i)));
        var isCut = tensor.numel() > count;
        return $"[{string.Join(", ", values)}{(isCut ? ", …" : "")}]{(isCut ? string.Create(CultureInfo.InvariantCulture, $" ({tensor.numel():N0} values, the first {count} shown)") : "")}";
    }

    private static Tensor Element(Tensor tensor, long index)
    {
        var shape = tensor.shape;
        for (var dimension = shape.Length - 1; dimension >= 0; dimension--)
        {
            tensor = tensor.select(dimension, index % shape[dimension]);
            index /= shape[dimension];
        }

        return tensor;
    }

    private static string Text(Tensor element) => element.dtype switch
    {
        ScalarType.Bool => element.cpu().item<bool>() ? "true" : "false",
        ScalarType.Float16 or ScalarType.BFloat16 or ScalarType.Float32 or ScalarType.Float64 => element.to(ScalarType.Float64).cpu().item<double>().ToString("G6", CultureInfo.InvariantCulture),
        _ => element.to(ScalarType.Int64).cpu().item<long>().ToString(CultureInfo.InvariantCulture),
    };
}
