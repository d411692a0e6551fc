using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;

namespace Benchmarks;

/// <summary>The other side: <c>peer/server.py</c> in a process of its own, a JSON command and its answer a line. It waits idle while it is not asked.</summary>
internal sealed class Peer : IDisposable
{
    private readonly Process process;

    /// <param name="command">What starts Python: a program and its arguments, separated by blanks.</param>
    /// <param name="threads">Threads for it.</param>
    /// <param name="folder">Where the script is put, below the current folder (which a sandboxed peer must see at the same path).</param>
    public Peer(string command, int threads, string folder)
    {
        var script = Path.Combine(folder, "server.py");
        using (var resource = typeof(Peer).Assembly.GetManifestResourceStream("server.py")!)
        using (var file = File.Create(script))
        {
            resource.CopyTo(file);
        }

        var words = command.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var start = new ProcessStartInfo(words[0], [.. words[1..], script]) { RedirectStandardInput = true, RedirectStandardOutput = true };
        start.Environment["OMP_NUM_THREADS"] = threads.ToString(CultureInfo.InvariantCulture);
        process = Process.Start(start)!;
        Versions = Ask("version", new JsonObject { ["threads"] = threads }).AsObject().ToDictionary(v => v.Key, v => v.Value!.GetValue<string>());
    }

    /// <summary>Versions of its libraries.</summary>
    public IReadOnlyDictionary<string, string> Versions { get; }

    /// <summary>Sends a command and waits for the answer.</summary>
    public JsonNode Ask(string what, JsonObject command)
    {
        command["do"] = what;
        process.StandardInput.WriteLine(command.ToJsonString());
        process.StandardInput.Flush();
        var answer = process.StandardOutput.ReadLine() ?? throw new InvalidOperationException($"The peer ended while it was asked to {what}; see its messages above.");
        return JsonNode.Parse(answer)!;
    }

    public void Dispose()
    {
        process.StandardInput.Close();
        process.WaitForExit();
        process.Dispose();
    }
}
