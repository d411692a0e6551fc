using System.Globalization;
using System.Text.RegularExpressions;

namespace RlPrimitives.Tests.Fuzzing;

/// <summary>
/// Gives a reader thousands of damaged inputs. Each must be read, or refused by an exception that the reader documents and that names the place; without a crash, a hang or
/// memory out of proportion. Inputs that reach an outcome not seen before join those that are changed further.
/// </summary>
internal static partial class Fuzzer
{
    /// <summary>Inputs of a format; set RLNOTEBOOKS_FUZZ for more, RLNOTEBOOKS_FUZZ_SEED for others.</summary>
    public static int Inputs { get; } = int.Parse(Environment.GetEnvironmentVariable("RLNOTEBOOKS_FUZZ") ?? "3000", CultureInfo.InvariantCulture);

    private static readonly int Seed = int.Parse(Environment.GetEnvironmentVariable("RLNOTEBOOKS_FUZZ_SEED") ?? "20261125", CultureInfo.InvariantCulture);

    // Where the input under way is kept, so that one that ends the process is found.
    private static readonly string? Keep = Environment.GetEnvironmentVariable("RLNOTEBOOKS_FUZZ_KEEP");

    private static readonly TimeSpan Hang = TimeSpan.FromMinutes(1);

    /// <param name="name">Of the format.</param>
    /// <param name="seeds">Inputs that are right.</param>
    /// <param name="words">Words of the format.</param>
    /// <param name="read">Reads one; what it returns tells outcomes apart.</param>
    /// <param name="isRefusal">Whether an exception is one that the reader documents, with the place in its message.</param>
    /// <param name="mostBytes">Most memory allocated for an input of a length.</param>
    /// <param name="part">Share of <see cref="Inputs"/>, for slow readers.</param>
    /// <returns>What was tried.</returns>
    public static string Run(
        string name, IReadOnlyList<byte[]> seeds, IReadOnlyList<string> words, Func<byte[], string> read, Func<Exception, bool> isRefusal, Func<int, long>? mostBytes = null,
        double part = 1)
    {
        mostBytes ??= length => (1 << 20) + (2000L * length);
        foreach (var seed in seeds)
        {
            read(seed); // right ones are read
        }

        var count = (int)(Inputs * part);
        byte[] current = [];
        var done = 0;
        Exception? failure = null;
        int refused = 0, kinds = 0;
        var thread = new Thread(() =>
        {
            try
            {
                (refused, kinds) = Loop();
            }
            catch (Exception e)
            {
                failure = e;
            }
        })
        { IsBackground = true };
        thread.Start();
        for (var before = -1; !thread.Join(Hang); before = done)
        {
            Assert.True(Volatile.Read(ref done) != before, $"{name}: hangs on {Show(current)}");
        }

        Assert.True(failure is null, $"{name}, input {done + 1}: {failure}\nThe input: {Show(current)}");
        return string.Create(CultureInfo.InvariantCulture, $"{name}: {count} inputs, {refused} refused, {count - refused} read, {kinds} kinds of outcome");

        (int Refused, int Kinds) Loop()
        {
            // Those that are read are changed as often as all others together: else nearly all would soon be broken in several places, and refused at the first.
            var (right, broken) = (seeds.ToList(), seeds.ToList());
            var random = new Random(Seed);
            var mutator = new Mutator(random, words);
            var seen = new HashSet<string>();
            var no = 0;
            Coverage.Shared?.IsNew();
            for (; done < count; Volatile.Write(ref done, done + 1))
            {
                current = mutator.Next(random.Next(2) == 0 ? right : broken);
                if (Keep is not null)
                {
                    File.WriteAllBytes(Path.Combine(Keep, $"{name}.input"), current);
                }

                Coverage.Shared?.Clear();
                var allocated = GC.GetAllocatedBytesForCurrentThread();
                string kind;
                var corpus = right;
                try
                {
                    kind = read(current);
                }
                catch (Exception e) when (isRefusal(e))
                {
                    no++;
                    corpus = broken;
                    kind = $"{e.GetType().Name} {Kind().Replace(e.Message, "·")}";
                }

                allocated = GC.GetAllocatedBytesForCurrentThread() - allocated;
                Assert.True(allocated <= mostBytes(current.Length), $"{allocated} bytes were allocated for an input of {current.Length} bytes.");
                if ((seen.Add(kind) | (Coverage.Shared?.IsNew() ?? false)) && corpus.Count < 4000)
                {
                    corpus.Add(current);
                }
            }

            return (no, seen.Count);
        }
    }

    private static string Show(byte[] input) => input.Length <= 600 ? $"\"{System.Text.Encoding.Latin1.GetString(input)}\" (base64 {Convert.ToBase64String(input)})"
        : $"of {input.Length} bytes, base64 {Convert.ToBase64String(input)}";

    // What is particular to an input: numbers, names in quotes, paths.
    [GeneratedRegex("""'[^']*'|"[^"]*"|[0-9.]+|/\S+""")]
    private static partial Regex Kind();
}
