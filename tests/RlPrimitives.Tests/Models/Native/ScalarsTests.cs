using System.Runtime.CompilerServices;
using RlPrimitives.Models;
using RlPrimitives.Models.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RlPrimitives.Tests.Models.Native;

public class ScalarsTests
{
    [Fact]
    public void Nothing_else_in_the_library_makes_a_scalar() => Assert.DoesNotContain(ScalarCalls.Of(typeof(CausalLM).Assembly.Location),
        c => !c.Caller.StartsWith("RlPrimitives.Models.Native.Scalars::", StringComparison.Ordinal));

    [Fact]
    public void The_compiled_code_tells_what_makes_a_scalar()
    {
        var callers = ScalarCalls.Of(typeof(ScalarsTests).Assembly.Location).Where(c => c.Caller.Contains("ScalarsTests::Makes", StringComparison.Ordinal))
            .Select(c => $"{c.Caller.Split("::Makes_")[1].Split('(')[0]} {c.Callee.Split("::")[1].Split('(')[0]}");
        Assert.Equal(["by_conversion op_Implicit", "inside_an_operator op_Addition", "inside_a_sum op_Addition", "inside_a_square square", "in_a_delegate square"], callers);
        Assert.Contains(ScalarCalls.Of(typeof(CausalLM).Assembly.Location), c => c.Caller.StartsWith("RlPrimitives.Models.Native.Scalars::Of", StringComparison.Ordinal));
    }

    [Fact]
    public void A_scalar_lives_while_its_thread_makes_no_more_than_those_kept()
    {
        var first = Forgotten();
        for (var i = 1; i < Scalars.Kept; i++)
        {
            Collect();
            Assert.True(first.TryGetTarget(out _));
            Scalars.Of(i);
        }

        Assert.True(first.TryGetTarget(out var scalar));
        Assert.Equal(0.25, scalar.ToDouble());
        Scalars.Of(0);
        Assert.Throws<InvalidOperationException>(() => scalar.ToDouble()); // freed, and refused: not read
    }

    [Fact]
    public void Other_threads_push_out_nothing()
    {
        var mine = Scalars.Of(0.5);
        var other = new Thread(() =>
        {
            for (var i = 0; i < 3 * Scalars.Kept; i++)
            {
                Scalars.Of(i);
            }
        });
        other.Start();
        other.Join();
        Assert.Equal(0.5, mine.ToDouble());
    }

    [Fact]
    public void Sums_squares_and_ranges_are_those_of_TorchSharp()
    {
        using var scope = NewDisposeScope();
        var (x, y) = (tensor([1.5f, -2.25f, 1e-8f]), tensor([0.1f, 3f, float.NaN]));
        Assert.Equal((x + y).data<float>().ToArray(), x.Plus(y).data<float>().ToArray());
        Assert.Equal((x + 0.1).data<float>().ToArray(), x.Plus(0.1).data<float>().ToArray());
        Assert.Equal(x.square().data<float>().ToArray(), x.Squared().data<float>().ToArray());
        Assert.Equal((x + y).data<float>().ToArray(), x.clone().Plus_(y).data<float>().ToArray());
        var range = Scalars.Range(4, CPU);
        Assert.Equal(ScalarType.Int64, range.dtype);
        Assert.Equal([0, 1, 2, 3], range.data<long>().ToArray());
    }

    // In a frame of its own, so that nothing here holds it.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static WeakReference<Scalar> Forgotten() => new(Scalars.Of(0.25));

    private static void Collect()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
    }

    // Never run: read by the test above.
#pragma warning disable IDE0051
    private static Tensor Makes_by_conversion(Tensor x) => x.mul(2.0);

    private static Tensor Makes_inside_an_operator(Tensor x) => x + 2.0;

    private static Tensor Makes_inside_a_sum(Tensor x) => x + x;

    private static Tensor Makes_inside_a_square(Tensor x) => x.square();

    private static Func<Tensor> Makes_in_a_delegate(Tensor x) => x.square;
#pragma warning restore IDE0051
}
