using System.Runtime.CompilerServices;
using RlPrimitives.Backprop;

namespace RlPrimitives.Tests;

/// <summary>Lets the library load libtorch before any test touches it, whichever test runs first.</summary>
internal static class TorchStart
{
#pragma warning disable CA2255 // A test that makes a tensor before it calls the library would otherwise load libtorch without the library's help.
    [ModuleInitializer]
    internal static void LoadLibrary()
    {
        _ = Fuzzing.Coverage.Shared; // an instrumented library counts from its first branch on
        RuntimeHelpers.RunModuleConstructor(typeof(BackpropModule).Module.ModuleHandle);
    }
#pragma warning restore CA2255
}
