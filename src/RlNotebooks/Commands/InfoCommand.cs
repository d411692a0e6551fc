using System.CommandLine;
using System.Runtime.InteropServices;
using RlPrimitives.Models.Native;

namespace RlNotebooks.Commands;

/// <summary><c>info</c>: what this machine computes with, for bug reports.</summary>
internal static class InfoCommand
{
    public static Command Create()
    {
        var command = new Command("info", "Prints versions, devices and which native libraries were loaded.");
        command.SetAction(_ => Print());
        return command;
    }

    private static int Print()
    {
        Console.WriteLine($"runtime     {RuntimeInformation.FrameworkDescription} on {RuntimeInformation.OSDescription}, {Environment.ProcessorCount} cores");
        try
        {
            TorchLibrary.EnsureLoaded();
        }
        catch (DllNotFoundException e)
        {
            Console.Error.WriteLine(e.Message);
            return 1;
        }

        Console.WriteLine($"torchsharp  {typeof(TorchSharp.torch).Assembly.GetName().Version}");
        Console.WriteLine($"libtorch    {TorchLibrary.Description}");
        Console.WriteLine($"threads     {TorchSharp.torch.get_num_threads()}");
        Console.WriteLine($"cuda        {(TorchSharp.torch.cuda.is_available() ? $"{TorchSharp.torch.cuda.device_count()} device(s)" : "none")}");
        return 0;
    }
}
