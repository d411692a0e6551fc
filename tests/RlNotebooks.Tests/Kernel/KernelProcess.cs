using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;

namespace RlNotebooks.Tests.Kernel;

/// <summary>A kernel as a client starts it: its own process and a connection file.</summary>
internal sealed class KernelProcess : IDisposable
{
    private static readonly int[] Given = [0];

    private readonly StringBuilder log = new();

    private KernelProcess(string folder, JsonObject connection, Process process)
    {
        (Folder, Connection, Process) = (folder, connection, process);
        process.ErrorDataReceived += (_, line) =>
        {
            lock (log)
            {
                log.AppendLine(line.Data);
            }
        };
        process.BeginErrorReadLine();
    }

    /// <summary>The program that was built with these tests.</summary>
    public static string Program { get; } = Repository.Path("src", "RlNotebooks", "bin", AppContext.BaseDirectory.Contains($"{Path.DirectorySeparatorChar}Release{Path.DirectorySeparatorChar}", StringComparison.Ordinal) ? "Release" : "Debug", "net10.0", "RlNotebooks.dll");

    public string Folder { get; }

    public JsonObject Connection { get; }

    public Process Process { get; }

    /// <summary>What it wrote on standard error.</summary>
    public string Log
    {
        get
        {
            lock (log)
            {
                return log.ToString();
            }
        }
    }

    public static KernelProcess Start(Func<string, ProcessStartInfo>? how = null, string address = "127.0.0.1")
    {
        var folder = Directory.CreateTempSubdirectory("rl-kernel-").FullName;
        var connection = new JsonObject { ["transport"] = "tcp", ["ip"] = address, ["key"] = Guid.NewGuid().ToString(), ["signature_scheme"] = "hmac-sha256" };
        foreach (var channel in new[] { "shell", "control", "stdin", "iopub", "hb" })
        {
            connection[$"{channel}_port"] = FreePort();
        }

        var file = Path.Combine(folder, "connection.json");
        File.WriteAllText(file, connection.ToJsonString());
        var start = how?.Invoke(file) ?? new ProcessStartInfo("dotnet", [Program, "kernel", "start", file]);
        start.WorkingDirectory = folder;
        start.RedirectStandardError = true;
        return new KernelProcess(folder, connection, Process.Start(start)!);
    }

    public void Dispose()
    {
        if (!Process.HasExited)
        {
            Process.Kill(entireProcessTree: true);
            Process.WaitForExit();
        }

        Process.Dispose();
        Directory.Delete(Folder, recursive: true);
    }

    // Several at a time, so that none is given twice before anybody listens there.
    private static int FreePort()
    {
        lock (Given)
        {
            while (true)
            {
                using var listener = new TcpListener(IPAddress.Loopback, 0);
                listener.Start();
                var port = ((IPEndPoint)listener.LocalEndpoint).Port;
                if (Given[0] != port)
                {
                    return Given[0] = port;
                }
            }
        }
    }
}
