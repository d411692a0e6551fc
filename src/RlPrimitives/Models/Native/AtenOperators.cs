using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace RlPrimitives.Models.Native;

/// <summary>The ATen operators that TorchSharp does not offer, through libtorch's stable C shim (about 1 µs a call; autograd works).</summary>
/// <remarks>
/// Each call lays the operator's whole schema on a stack of 64-bit slots: tensors as fresh handles that the call consumes, doubles as
/// their bits, absent optionals as 0. Shapes are checked by the callers: an error is only a return code.
/// </remarks>
internal static unsafe partial class AtenOperators
{
    static AtenOperators() => TorchLibrary.EnsureLoaded();

    [LibraryImport("torch_cpu", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int aoti_torch_call_dispatcher(string op, string overload, ulong* stack);

    [LibraryImport("torch_cpu")]
    private static partial int aoti_torch_new_tensor_handle(IntPtr tensor, IntPtr* result);

    [LibraryImport("torch_cpu")]
    private static partial int torch_new_list_reserve_size(nuint size, IntPtr* result);

    [LibraryImport("torch_cpu")]
    private static partial int torch_list_push_back(IntPtr list, ulong item);

    [LibraryImport("torch_cpu", EntryPoint = PackedLinearExport, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int aoti_torch_cpu_linear_pointwise(
        IntPtr x, IntPtr weight, IntPtr* bias, string activation, double** scalars, long scalarCount, byte** algorithm, IntPtr* result);

    [LibraryImport("torch_cpu")]
    private static partial int aoti_torch_get_data_ptr(IntPtr tensor, IntPtr* result);

    private const string PackedLinearExport = "aoti_torch_cpu__linear_pointwise";

    /// <summary>Address of a tensor's first element, on its device, whatever its strides; valid while the tensor lives.</summary>
    public static IntPtr DataOf(Tensor tensor)
    {
        IntPtr data;
        Check(aoti_torch_get_data_ptr(tensor.Handle, &data), "a tensor's address");
        return data;
    }

    /// <summary>Whether this libtorch carries oneDNN, and with it <see cref="PackedLinear"/>; builds for other processors than x86-64 may not.</summary>
    public static bool HasPackedLinear { get; } =
        NativeLibrary.TryLoad("torch_cpu", typeof(AtenOperators).Assembly, null, out var library) && NativeLibrary.TryGetExport(library, PackedLinearExport, out _);

    /// <summary>A copy of a float32 CPU weight [out, in] in the blocks that oneDNN's kernels read, for <see cref="PackedLinear"/> at any N.</summary>
    public static Tensor PackLinearWeight(Tensor weight)
    {
        var stack = stackalloc ulong[2];
        stack[0] = Fresh(weight);
        stack[1] = 0; // no batch size to expect: the layout is as good for one row as for thousands
        return Call("mkldnn::_reorder_linear_weight", "", stack);
    }

    /// <summary>x·Wᵀ + b with a packed W, [N, in] → [N, out]; no gradients.</summary>
    /// <remarks>Twice as fast as <c>addmm</c> at decoding's small N on AMD processors, where MKL packs the weight anew at each call.</remarks>
    public static Tensor PackedLinear(Tensor x, Tensor packedWeight, Tensor? bias)
    {
        IntPtr result, biasHandle = bias?.Handle ?? 0;
        Check(
            aoti_torch_cpu_linear_pointwise(x.Handle, packedWeight.Handle, bias is null ? null : &biasHandle, "none", null, 0, null, &result),
            "mkldnn::_linear_pointwise");
        return Tensor.UnsafeCreateTensor(result);
    }

    /// <summary>A·B through oneDNN, A [M, K] and B [K, N] contiguous float32 on the processor; no gradients.</summary>
    /// <remarks>
    /// This way round it reads B as it lies: up to 1.4 times as fast as where B is the view of a transposed matrix, at which the same kernels first gather it.
    /// </remarks>
    public static Tensor Product(Tensor a, Tensor b)
    {
        using var columns = b.t();
        return PackedLinear(a, columns, null);
    }

    /// <summary>Reinterprets the bytes of <paramref name="tensor"/> (last dimension a multiple) as <paramref name="type"/>; shares memory.</summary>
    public static Tensor ViewAs(Tensor tensor, ScalarType type)
    {
        var stack = stackalloc ulong[2];
        stack[0] = Fresh(tensor);
        stack[1] = (ulong)(sbyte)type;
        return Call("aten::view", "dtype", stack);
    }

    /// <summary>Scaled dot-product attention with grouped queries: q [B, H, Tq, hd], k and v [B, Hkv, Tk, hd], H a multiple of Hkv.</summary>
    /// <param name="query">[B, H, Tq, hd]</param>
    /// <param name="key">[B, Hkv, Tk, hd]</param>
    /// <param name="value">[B, Hkv, Tk, hd]</param>
    /// <param name="mask">Additive float or boolean (true: attend), broadcastable to [B, H, Tq, Tk]; not together with <paramref name="causal"/>.</param>
    /// <param name="causal">Top-left aligned causal mask.</param>
    public static Tensor Attention(Tensor query, Tensor key, Tensor value, Tensor? mask, bool causal)
    {
        var stack = stackalloc ulong[8];
        stack[0] = Fresh(query);
        stack[1] = Fresh(key);
        stack[2] = Fresh(value);
        stack[3] = mask is null ? 0 : Optional(Fresh(mask));
        stack[4] = 0; // dropout 0.0
        stack[5] = causal ? 1UL : 0;
        stack[6] = 0; // scale: 1/√hd
        stack[7] = query.size(1) == key.size(1) ? 0UL : 1;
        return Call("aten::scaled_dot_product_attention", "", stack);
    }

    /// <summary>Rows of a table: ids int64 [N], table [rows, D] → [N, D]; its gradient is a fast scatter, unlike index_select's.</summary>
    public static Tensor Embedding(Tensor table, Tensor ids)
    {
        var stack = stackalloc ulong[5];
        stack[0] = Fresh(table);
        stack[1] = Fresh(ids);
        stack[2] = unchecked((ulong)-1L); // no padding id
        stack[3] = 0; // scale_grad_by_freq
        stack[4] = 0; // sparse
        return Call("aten::embedding", "", stack);
    }

    /// <summary>One AdamW step over all parameters at once, in place (Loshchilov and Hutter 2019, arXiv:1711.05101).</summary>
    public static void FusedAdamW(
        IReadOnlyList<Tensor> parameters, IReadOnlyList<Tensor> gradients, IReadOnlyList<Tensor> firstMoments, IReadOnlyList<Tensor> secondMoments,
        IReadOnlyList<Tensor> steps, double learningRate, double beta1, double beta2, double weightDecay, double epsilon)
    {
        var stack = stackalloc ulong[15];
        stack[0] = List(parameters);
        stack[1] = List(gradients);
        stack[2] = List(firstMoments);
        stack[3] = List(secondMoments);
        stack[4] = List([]);
        stack[5] = List(steps);
        stack[6] = Bits(learningRate);
        stack[7] = Bits(beta1);
        stack[8] = Bits(beta2);
        stack[9] = Bits(weightDecay);
        stack[10] = Bits(epsilon);
        stack[11] = 0; // amsgrad
        stack[12] = 0; // maximize
        stack[13] = 0; // grad_scale: None
        stack[14] = 0; // found_inf: None
        Check(aoti_torch_call_dispatcher("aten::_fused_adamw_", "", stack), "aten::_fused_adamw_");
    }

    private static Tensor Call(string op, string overload, ulong* stack)
    {
        Check(aoti_torch_call_dispatcher(op, overload, stack), op);
        return Tensor.UnsafeCreateTensor((IntPtr)stack[0]);
    }

    private static void Check(int code, string op)
    {
        if (code != 0)
        {
            throw new InvalidOperationException($"libtorch refused {op}; it printed the reason to standard error.");
        }
    }

    private static ulong Bits(double value) => BitConverter.DoubleToUInt64Bits(value);

    private static ulong Fresh(Tensor tensor)
    {
        IntPtr handle;
        Check(aoti_torch_new_tensor_handle(tensor.Handle, &handle), "a tensor handle");
        return (ulong)handle;
    }

    private static ulong Optional(ulong value)
    {
        var box = (ulong*)NativeMemory.Alloc(sizeof(ulong)); // freed by libtorch
        *box = value;
        return (ulong)box;
    }

    private static ulong List(IReadOnlyList<Tensor> tensors)
    {
        IntPtr list;
        Check(torch_new_list_reserve_size((nuint)tensors.Count, &list), "a tensor list");
        foreach (var tensor in tensors)
        {
            Check(torch_list_push_back(list, Fresh(tensor)), "a tensor list");
        }

        return (ulong)list;
    }
}
