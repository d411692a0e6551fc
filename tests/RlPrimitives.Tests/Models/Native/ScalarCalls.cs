using TorchSharp;

namespace RlPrimitives.Tests.Models.Native;

/// <summary>Calls that make a scalar of libtorch which a collection may free while it is read.</summary>
internal static class ScalarCalls
{
    // What makes one, by itself or through other methods of TorchSharp.
    private static readonly Lazy<HashSet<string>> Makers = new(() =>
    {
        var callers = CompiledCalls.Of(typeof(torch).Assembly.Location).ToLookup(c => c.Callee, c => c.Caller);
        var found = new HashSet<string>(callers.Select(c => c.Key).Where(callee => callee.StartsWith("TorchSharp.Scalar::.ctor", StringComparison.Ordinal)));
        var reached = new Queue<string>(found);
        while (reached.TryDequeue(out var method))
        {
            foreach (var caller in callers[method].Where(found.Add))
            {
                reached.Enqueue(caller);
            }
        }

        return found;
    });

    /// <summary>Those in an assembly.</summary>
    public static IEnumerable<(string Caller, string Callee)> Of(string assembly) => CompiledCalls.Of(assembly).Where(c => Makers.Value.Contains(c.Callee));
}
