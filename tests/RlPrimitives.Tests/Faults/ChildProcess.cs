using System.Diagnostics;
using System.Runtime.InteropServices;

namespace RlPrimitives.Tests.Faults;

/// <summary>This test assembly started as a program: <see cref="ChildTraining"/>.</summary>
internal sealed class ChildProcess : IDisposable
{
    private readonly Process process;
    private readonly List<string> lines = [];

    /// <param name="before">A command in whose hands the child runs; empty for none.</param>
    /// <param name="arguments">Of <see cref="ChildTraining"/>.</param>
    public ChildProcess(string[] before, params string[] arguments)
    {
        var dotnet = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", "..", OperatingSystem.IsWindows() ? "dotnet.exe" : "dotnet"));
        string[] whole = [.. before, dotnet, typeof(ChildTraining).Assembly.Location, .. arguments];
        process = Process.Start(new ProcessStartInfo(whole[0], whole[1..]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        process.OutputDataReceived += (_, e) => Add(e.Data);
        process.ErrorDataReceived += (_, e) => Add(e.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    /// <summary>What it has said so far.</summary>
    public string[] Lines
    {
        get
        {
            lock (lines)
            {
                return [.. lines];
            }
        }
    }

    public bool HasExited => process.HasExited;

    /// <summary>The end of the process, and of what it says.</summary>
    public int WaitForEnd()
    {
        Assert.True(process.WaitForExit(TimeSpan.FromMinutes(3)), $"The child hangs: {string.Join('\n', Lines)}");
        process.WaitForExit(); // until its output has been read too
        return process.ExitCode;
    }

    /// <summary>kill -9.</summary>
    public void Kill()
    {
        process.Kill();
        WaitForEnd();
    }

    public void Dispose()
    {
        if (!process.HasExited)
        {
            process.Kill(entireProcessTree: true);
        }

        process.Dispose();
    }

    private void Add(string? line)
    {
        if (line is not null)
        {
            lock (lines)
            {
                lines.Add(line);
            }
        }
    }
}
