using System.Globalization;

namespace Benchmarks;

/// <summary>The command line.</summary>
/// <param name="Peer">Command prefix of a Python with torch and transformers, to be followed by a script; null measures this project alone.</param>
/// <param name="Threads">Threads of either side.</param>
/// <param name="Rounds">Timed rounds of each case, after one that is not counted.</param>
/// <param name="Out">JSON lines are appended to this file.</param>
/// <param name="Only">Part of the name of the only family to measure.</param>
/// <param name="Case">Part of the name of the only cases to measure.</param>
internal sealed record Options(string? Peer, int Threads, int Rounds, string? Out, string Only, string Case)
{
    public static Options Parse(string[] args)
    {
        var given = new Dictionary<string, string>();
        for (var i = 0; i < args.Length; i += 2)
        {
            if (args[i] is not ("--peer" or "--threads" or "--rounds" or "--out" or "--family" or "--case") || i + 1 == args.Length)
            {
                throw new ArgumentException(
                    $"'{args[i]}' is not understood. Usage: [--peer \"COMMAND PREFIX\"] [--threads N] [--rounds N] [--out FILE] [--family TEXT] [--case TEXT]");
            }

            given[args[i]] = args[i + 1];
        }

        return new Options(
            given.GetValueOrDefault("--peer"), Number("--threads", Environment.ProcessorCount), Number("--rounds", 5), given.GetValueOrDefault("--out"),
            given.GetValueOrDefault("--family", ""), given.GetValueOrDefault("--case", ""));

        int Number(string name, int otherwise) => given.TryGetValue(name, out var text) ? int.Parse(text, CultureInfo.InvariantCulture) : otherwise;
    }
}
