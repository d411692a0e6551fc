using TorchSharp;
using static TorchSharp.torch;

namespace RlPrimitives.Models.Native;

/// <summary>An operation of our own in autograd's graph, which holds on to no gradient longer than libtorch does.</summary>
/// <remarks>
/// Left to TorchSharp, gradients that come into such a function and those that it returns live until the caller's scope ends: the memory of one layer's
/// would not be there for the next, and a backward pass would touch as much again as the forward pass did.
/// </remarks>
/// <typeparam name="T">The function itself.</typeparam>
internal abstract class GraphFunction<T> : autograd.MultiTensorFunction<T>
    where T : GraphFunction<T>, new()
{
    public override string Name => typeof(T).DeclaringType?.Name ?? typeof(T).Name;

    /// <summary>The first result.</summary>
    public static Tensor First(params object?[] inputs) => apply(inputs!)[0];

    public sealed override List<Tensor> forward(autograd.AutogradContext ctx, params object[] vars)
    {
        using var _ = no_grad();
        ctx.set_materialize_grads(false);
        return [.. Forward(ctx, vars)];
    }

    public sealed override List<Tensor> backward(autograd.AutogradContext ctx, List<Tensor> grad_outputs)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        ReturnedGradients.Free();
        var given = grad_outputs.ConvertAll(g => g.IsInvalid ? null : g);
        var returned = Backward(ctx, [.. ctx.get_saved_variables()], [.. given]);
        // By reference: tensors compare by what they hold.
        foreach (var gradient in given.Except(returned, ReferenceEqualityComparer.Instance).OfType<Tensor>())
        {
            gradient.Dispose();
        }

        foreach (var gradient in returned.Except(given, ReferenceEqualityComparer.Instance).OfType<Tensor>())
        {
            gradient.MoveToOuterDisposeScope();
        }

        ReturnedGradients.Keep(returned);
        return returned.ToList()!;
    }

    /// <summary>The results; without gradients, in the caller's scope.</summary>
    /// <param name="context">Takes what the backward pass needs: inputs, or what is detached from results.</param>
    /// <param name="inputs">Tensors and other values.</param>
    protected abstract Tensor[] Forward(autograd.AutogradContext context, object?[] inputs);

    /// <summary>The gradients by all inputs, null by those that have none; without gradients of their own, in a scope that is ended afterwards.</summary>
    /// <param name="context">What the forward pass left.</param>
    /// <param name="saved">The tensors it saved.</param>
    /// <param name="gradients">By each result; null for zeros.</param>
    protected abstract Tensor?[] Backward(autograd.AutogradContext context, Tensor[] saved, Tensor?[] gradients);
}

/// <summary>The gradients that the last function of a backward pass returned on this thread: libtorch has its own hold on them by the time the next is called.</summary>
internal static class ReturnedGradients
{
    [ThreadStatic]
    private static Tensor?[]? last;

    /// <summary>Lets go of them.</summary>
    public static void Free()
    {
        foreach (var gradient in last ?? [])
        {
            gradient?.Dispose();
        }

        last = null;
    }

    /// <summary>Remembers what is returned now; the last of a pass go with the caller's scope.</summary>
    public static void Keep(Tensor?[] gradients) => last = gradients;
}
