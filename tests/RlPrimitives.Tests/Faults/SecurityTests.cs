using System.Reflection;
using System.Text;
using RlPrimitives.Algorithms;
using RlPrimitives.Environments;
using RlPrimitives.Models;
using RlPrimitives.Rewards;
using RlPrimitives.Rollouts;
using RlPrimitives.Tests.Algorithms;
using RlPrimitives.Tests.Models;

namespace RlPrimitives.Tests.Faults;

/// <summary>Files of strangers run no code and lead nowhere else; secrets are not written down.</summary>
public class SecurityTests
{
    [Fact]
    public void Nothing_in_the_library_makes_types_or_code_of_what_a_file_says()
    {
        // Members by which text becomes a type or code; whoever needs one says why here.
        string[] dangerous =
        [
            "System.Type::GetType", "System.Reflection.Assembly::Load", "System.Reflection.Assembly::LoadFrom", "System.Reflection.Assembly::LoadFile", "System.Activator::CreateInstance",
            "System.Runtime.Serialization.Formatters.Binary.BinaryFormatter::Deserialize", "System.Linq.Expressions.LambdaExpression::Compile", "System.Diagnostics.Process::Start",
            "System.Reflection.Emit.DynamicMethod::.ctor", "TorchSharp.torch::load", "TorchSharp.torch/jit::load", "TorchSharp.torch::save",
        ];
        var assembly = typeof(Algorithm).Assembly;
        var used = Calls(assembly).Where(call => dangerous.Contains(call)).Distinct().ToArray();
        Assert.Empty(used);
        Assert.Contains("System.IO.File::OpenRead", Calls(assembly)); // the search finds what is there
    }

    [Fact]
    public void Pickled_weights_are_refused_and_the_refusal_says_why()
    {
        using var folder = new TemporaryFolder();
        folder.Write("config.json", File.ReadAllBytes(Fixtures.Path("models/qwen2_tied/config.json")));
        folder.Write("pytorch_model.bin", "cos\nsystem\n(S'touch ran'\ntR."u8.ToArray());
        Assert.Contains("can run any code", Assert.Throws<NotSupportedException>(() => CausalLM.FromPretrained(folder.Path)).Message, StringComparison.Ordinal);
        using var model = CausalLM.FromPretrained(Fixtures.Path("models/qwen2_tied"));
        using var adapter = new TemporaryFolder();
        adapter.Write("adapter_config.json", File.ReadAllBytes(Fixtures.Path("lora/qwen2/adapter_config.json")));
        adapter.Write("adapter_model.bin", "x"u8.ToArray());
        Assert.Contains("can run any code", Assert.Throws<FileNotFoundException>(() => model.LoadLora(adapter.Path)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("../outside.safetensors")]
    [InlineData("/tmp/outside.safetensors")]
    [InlineData("sub/../../outside.safetensors")]
    [InlineData("..\\outside.safetensors")]
    [InlineData("c:outside.safetensors")]
    [InlineData("outside.bin")]
    [InlineData("a\\u0000.safetensors")]
    public void The_index_of_a_model_names_files_of_its_folder_alone(string shard)
    {
        using var parent = new TemporaryFolder();
        var folder = Directory.CreateDirectory(parent.In("model")).FullName;
        File.Copy(Fixtures.Path("models/qwen2_tied/config.json"), Path.Combine(folder, "config.json"));
        File.Copy(Fixtures.Path("models/qwen2_tied/model.safetensors"), parent.In("outside.safetensors"));
        File.WriteAllText(Path.Combine(folder, "model.safetensors.index.json"), $$$"""{"weight_map": {"x": "{{{shard.Replace("\\o", "\\\\o", StringComparison.Ordinal)}}}"}}""");
        Assert.Contains("same folder", Assert.Throws<InvalidDataException>(() => ModelFolder.Open(folder)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_base_model_that_an_adapter_names_is_not_looked_up()
    {
        using var folder = new TemporaryFolder();
        folder.Write("adapter_model.safetensors", File.ReadAllBytes(Fixtures.Path("lora/qwen2/adapter_model.safetensors")));
        var config = File.ReadAllText(Fixtures.Path("lora/qwen2/adapter_config.json"));
        var start = config.IndexOf("\"base_model_name_or_path\":", StringComparison.Ordinal);
        folder.Write("adapter_config.json", config[..start] + "\"base_model_name_or_path\": \"/etc\"" + config[config.IndexOf(',', start)..]);
        using var model = CausalLM.FromPretrained(Fixtures.Path("models/qwen2_tied"));
        model.LoadLora(folder.Path);
        Assert.NotNull(model.Lora);
    }

    [Fact]
    public async Task A_path_among_the_texts_of_a_trajectory_stays_a_text()
    {
        using var folder = new TemporaryFolder();
        using var module = ScriptedBackend.Module(_ => "../../etc/passwd");
        var environment = new SimpleTextEnvironment(module, [new Problem("../../x", "/etc/passwd", "file:///etc/passwd")]);
        var batch = await new RolloutManager(environment, new RolloutConfig()).CollectAsync(1);
        Trajectories.Save(folder.In("t.jsonl"), batch.Trajectories);
        var loaded = Assert.Single(Trajectories.Load(folder.In("t.jsonl")));
        Assert.Equal(("../../x", "/etc/passwd", "file:///etc/passwd"), (loaded.Problem.Id, loaded.Problem.Prompt, loaded.Problem.Answer));
        Assert.Equal(["t.jsonl"], Directory.GetFileSystemEntries(folder.Path).Select(Path.GetFileName));
    }

    [Fact]
    public async Task No_secret_is_in_a_checkpoint()
    {
        const string variable = "RLNOTEBOOKS_CHECKPOINT_API_KEY", secret = "wb-abcdef0123456789+/abcdef0123456789";
        Environment.SetEnvironmentVariable(variable, secret);
        try
        {
            using var folder = new TemporaryFolder();
            var calls = 0;
            using var run = new CheckpointTests.Run("GRPO", folder.Path, [], config => config with { SaveEvery = 1, Rewards = new Keyed(secret) }, _ => ++calls > 100_000 ? null : 1);
            await run.Algorithm.TrainAsync(1);
            var files = Directory.GetFiles(folder.Path, "*", SearchOption.AllDirectories);
            Assert.True(files.Length > 5);
            Assert.Contains("[secret]", File.ReadAllText(files.Single(f => f.EndsWith("state.json", StringComparison.Ordinal))), StringComparison.Ordinal);
            foreach (var written in new[] { secret, secret.Replace("+", "\\u002B", StringComparison.Ordinal) })
            {
                Assert.All(files, f => Assert.Equal(-1, File.ReadAllBytes(f).AsSpan().IndexOf(Encoding.UTF8.GetBytes(written))));
            }

            var step = new TrainStep(1, 1, [], new Dictionary<string, Summary>(), [], 0, new(), RolloutStatistics.Of([]) with
            {
                Errors = System.Collections.Immutable.ImmutableSortedDictionary<string, int>.Empty.Add($"GET https://u:{secret}@host", 2).Add("other", 1),
            }, 0) { Alarms = [new Alarm("a", $"key {secret}", "r")] };
            var state = CheckpointFiles.ReadState(Path.Combine(folder.Path, "step-000001"));
            CheckpointFiles.Write(folder.Path, state, [step]);
            Assert.DoesNotContain("abcdef0123456789", File.ReadAllText(folder.In("history.jsonl")), StringComparison.Ordinal);
            Assert.Equal(3, CheckpointFiles.ReadHistory(folder.Path)[0].Rollouts.Errors.Values.Sum());
        }
        finally
        {
            Environment.SetEnvironmentVariable(variable, null);
        }
    }

    // Every method that a method of the assembly names, as "Type::Method".
    private static HashSet<string> Calls(Assembly assembly)
    {
        using var stream = File.OpenRead(assembly.Location);
        using var file = new System.Reflection.PortableExecutable.PEReader(stream);
        var metadata = System.Reflection.Metadata.PEReaderExtensions.GetMetadataReader(file);
        var found = new HashSet<string>(StringComparer.Ordinal);
        foreach (var handle in metadata.MemberReferences)
        {
            var member = metadata.GetMemberReference(handle);
            if (member.Parent.Kind == System.Reflection.Metadata.HandleKind.TypeReference)
            {
                found.Add($"{NameOf((System.Reflection.Metadata.TypeReferenceHandle)member.Parent)}::{metadata.GetString(member.Name)}");
            }
        }

        return found;

        string NameOf(System.Reflection.Metadata.TypeReferenceHandle handle)
        {
            var type = metadata.GetTypeReference(handle);
            return type.ResolutionScope.Kind == System.Reflection.Metadata.HandleKind.TypeReference
                ? $"{NameOf((System.Reflection.Metadata.TypeReferenceHandle)type.ResolutionScope)}/{metadata.GetString(type.Name)}"
                : $"{metadata.GetString(type.Namespace)}.{metadata.GetString(type.Name)}";
        }
    }

    /// <summary>A method whose options hold a key, as that of a judge might.</summary>
    private sealed record Keyed(string Key) : IRewardMethod
    {
        public float?[] Rewards(ScoreTable scores) => RewardMethod.Absolute.Rewards(scores);
    }
}
