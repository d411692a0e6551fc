using System.Text.Json.Nodes;
using RlPrimitives.Backprop;
using RlPrimitives.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace RlPrimitives.Tests.Models;

/// <summary>Adapters on disk, against PEFT's (fixtures/lora).</summary>
public class LoraFolderTests
{
    public static IEnumerable<object[]> Names => new[] { "gpt2", "qwen2", "llama" }.Select(n => new object[] { n });

    [Theory]
    [MemberData(nameof(Names))]
    public void An_adapter_of_PEFT_gives_PEFTs_log_probs_and_logits(string name)
    {
        using var peft = new PeftModel(name);
        using var scope = NewDisposeScope();
        var expected = peft.Expected.GetProperty("log_probs").EnumerateArray().Select(Fixtures.Floats).ToArray();
        Assert.True(LoraTests.Difference(expected, LoraTests.TrainingLogProbs(peft.Model, peft.Rows)) < 1e-4);
        Assert.True(LoraTests.Difference([Fixtures.Floats(peft.Expected.GetProperty("logits_of_last_token_of_row_0"))], [peft.LastLogits()]) < 1e-4);
        peft.Model.MergeLora();
        Assert.True(LoraTests.Difference(expected, LoraTests.TrainingLogProbs(peft.Model, peft.Rows)) < 1e-4);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Gradients_and_training_on_are_PEFTs(string name)
    {
        using var peft = new PeftModel(name);
        using var scope = NewDisposeScope();
        using var optimizer = new AdamW(peft.Model.TrainableParameters.Select(p => p.Parameter).ToArray());
        var norms = peft.Expected.GetProperty("gradient_norms");
        var first = true;
        foreach (var expected in peft.Expected.GetProperty("losses_of_adamw_lr_0.01").EnumerateArray())
        {
            var loss = LoraTests.Loss(peft.Model, peft.Rows);
            Assert.Equal(expected.GetDouble(), loss.item<float>(), 1e-4);
            loss.backward();
            foreach (var (parameterName, parameter) in first ? peft.Model.TrainableParameters : [])
            {
                Assert.Equal(1, parameter.grad!.norm().item<float>() / norms.GetProperty(parameterName).GetDouble(), 1e-3);
            }

            Assert.Equal(norms.EnumerateObject().Count(), peft.Model.TrainableParameters.Count);
            optimizer.Step(0.01);
            optimizer.ClearGradients();
            first = false;
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void An_adapter_saved_again_is_PEFTs_file_byte_for_byte_with_PEFTs_settings(string name)
    {
        using var peft = new PeftModel(name);
        using var folder = new TemporaryFolder();
        peft.Model.SaveLora(folder.Path);
        Assert.Equal(File.ReadAllBytes(Path.Combine(peft.Folder, "adapter_model.safetensors")), File.ReadAllBytes(folder.In("adapter_model.safetensors")));
        var theirs = JsonNode.Parse(File.ReadAllText(Path.Combine(peft.Folder, "adapter_config.json")))!.AsObject();
        foreach (var (key, value) in JsonNode.Parse(File.ReadAllText(folder.In("adapter_config.json")))!.AsObject().Where(k => k.Key != "base_model_name_or_path"))
        {
            Assert.True(JsonNode.DeepEquals(theirs[key], value), $"{key}: {theirs[key]?.ToJsonString()}, found {value?.ToJsonString()}");
        }

        using var loaded = CausalLM.FromPretrained(peft.BaseFolder);
        loaded.LoadLora(folder.Path);
        Assert.Equal(peft.Model.Lora, loaded.Lora);
        Assert.Equal(peft.LastLogits(), PeftModel.LastLogits(loaded, peft.Rows[0]));
        Assert.All(loaded.TrainableParameters, p => Assert.True(p.Parameter.requires_grad));
        Assert.All(loaded.Parameters, p => Assert.False(p.Parameter.requires_grad));
    }

    [Fact]
    public void A_fresh_adapter_without_targets_is_saved_with_the_names_it_chose()
    {
        using var folder = new TemporaryFolder();
        using var model = CausalLM.Create(LoraTests.Config(ModelFamily.Gpt2), seed: 1);
        model.AddLora(new LoraConfig { Rank = 2, Alpha = 2.5 });
        model.SaveLora(folder.Path);
        var json = JsonNode.Parse(File.ReadAllText(folder.In("adapter_config.json")))!;
        Assert.Equal("""["c_attn","c_proj","c_fc"]""", json["target_modules"]!.ToJsonString());
        Assert.True(json["fan_in_fan_out"]!.GetValue<bool>());
        Assert.Equal(2.5, json["lora_alpha"]!.GetValue<double>());
        model.RemoveLora();
        model.LoadLora(folder.Path);
        Assert.Equal(2.5, model.Lora!.Alpha);
        Assert.Equal(16, model.TrainableParameters.Count);
    }

    [Fact]
    public void A_pattern_or_a_list_with_exceptions_adapts_the_layers_that_are_stored()
    {
        using var folder = new TemporaryFolder();
        Copy("qwen2", folder);
        using var model = CausalLM.FromPretrained(Fixtures.Path("models/qwen2_tied"));
        Edit(folder, json => json["target_modules"] = ".*(q|v|down)_proj");
        model.LoadLora(folder.Path);
        Assert.Contains("model.layers.1.mlp.down_proj", model.Lora!.TargetModules);
        Assert.Equal(6, model.Lora.TargetModules.Length);
        model.RemoveLora();
        Edit(folder, json => (json["target_modules"], json["exclude_modules"]) = (new JsonArray("q_proj", "k_proj", "v_proj", "down_proj"), new JsonArray("k_proj")));
        model.LoadLora(folder.Path);
        Assert.Equal(6, model.Lora!.TargetModules.Length);
        model.RemoveLora();
        Edit(folder, json => (json["target_modules"], json["exclude_modules"]) = (new JsonArray("q_proj", "c_attn", "v_proj", "down_proj"), null));
        model.LoadLora(folder.Path); // names of other families are no harm, as in PEFT
        Assert.Equal("q_proj v_proj down_proj", string.Join(' ', model.Lora!.TargetModules));
    }

    [Fact]
    public void Matrices_stored_in_bf16_are_taken_over_as_float32()
    {
        using var folder = new TemporaryFolder();
        Copy("gpt2", folder);
        using var peft = new PeftModel("gpt2");
        Rewrite(folder, (_, _) => true, ScalarType.BFloat16);
        using var model = CausalLM.FromPretrained(peft.BaseFolder);
        model.LoadLora(folder.Path);
        foreach (var ((name, parameter), (_, exact)) in model.TrainableParameters.Zip(peft.Model.TrainableParameters))
        {
            Assert.Equal(ScalarType.Float32, parameter.dtype);
            Assert.All(LoraTests.Values(parameter).Zip(LoraTests.Values(exact)), v => Assert.InRange(v.First - v.Second, -0.004 * Math.Abs(v.Second), 0.004 * Math.Abs(v.Second)));
        }
    }

    [Theory]
    [InlineData("use_dora", "true")]
    [InlineData("bias", "\"all\"")]
    [InlineData("peft_type", "\"IA3\"")]
    [InlineData("modules_to_save", "[\"lm_head\"]")]
    [InlineData("rank_pattern", "{\"q_proj\": 4}")]
    [InlineData("init_lora_weights", "\"pissa\"")]
    [InlineData("layer_replication", "[[0, 1]]")]
    public void Other_kinds_of_adapters_are_refused_by_the_name_of_the_setting(string key, string value)
    {
        using var folder = new TemporaryFolder();
        Copy("qwen2", folder);
        Edit(folder, json => json[key] = JsonNode.Parse(value));
        using var model = CausalLM.FromPretrained(Fixtures.Path("models/qwen2_tied"));
        var e = Assert.Throws<NotSupportedException>(() => model.LoadLora(folder.Path));
        Assert.Contains($"adapter_config.json: {key} is {value[..2]}", e.Message, StringComparison.Ordinal);
        Assert.Contains("PEFT", e.Message, StringComparison.Ordinal);
        Assert.Null(model.Lora);
    }

    [Fact]
    public void Damaged_incomplete_and_foreign_adapters_are_refused_and_leave_the_model_as_it_was()
    {
        using var model = CausalLM.FromPretrained(Fixtures.Path("models/qwen2_tied"));
        void Refused<T>(string message, Action<TemporaryFolder> damage, string from = "qwen2")
            where T : Exception
        {
            using var folder = new TemporaryFolder();
            Copy(from, folder);
            damage(folder);
            Assert.Contains(message, Assert.Throws<T>(() => model.LoadLora(folder.Path)).Message, StringComparison.Ordinal);
            Assert.Null(model.Lora);
            Assert.All(model.Parameters, p => Assert.True(p.Parameter.requires_grad));
        }

        Refused<FileNotFoundException>("adapter_config.json was looked for", f => File.Delete(f.In("adapter_config.json")));
        Refused<FileNotFoundException>("adapter_model.safetensors was looked for", f => File.Delete(f.In("adapter_model.safetensors")));
        Refused<InvalidDataException>("adapter_model.safetensors", f =>
        {
            var bytes = File.ReadAllBytes(f.In("adapter_model.safetensors"));
            File.WriteAllBytes(f.In("adapter_model.safetensors"), bytes[..^100]);
        });
        Refused<InvalidDataException>("adapter_config.json: r is 0", f => Edit(f, json => json["r"] = 0));
        Refused<InvalidDataException>("adapter_config.json: lora_alpha is -1", f => Edit(f, json => json["lora_alpha"] = -1));
        Refused<InvalidDataException>("q_proj.lora_A.weight' has shape [3, 48]; this model and r = 2 in adapter_config.json ask for [2, 48]", f => Edit(f, json => json["r"] = 2));
        Refused<InvalidDataException>("name layer 'model.layers.0.self_attn.k_proj', of which", f => Edit(f, json => json["target_modules"] = new JsonArray("q_proj", "k_proj")));
        Refused<InvalidDataException>("do not name layer 'model.layers.0.mlp.down_proj'", f => Edit(f, json => json["target_modules"] = new JsonArray("q_proj", "v_proj")));
        Refused<InvalidDataException>("'transformer.h.0.attn.c_attn' that this model does not have", _ => { }, from: "gpt2");
        Refused<InvalidDataException>("down_proj.lora_A.weight' is missing", f => Rewrite(f, (n, _) => !n.EndsWith("layers.0.mlp.down_proj.lora_A.weight", StringComparison.Ordinal)));
        Refused<InvalidDataException>("is of type Int64", f => Rewrite(f, (n, t) => true, ScalarType.Int64));
        Refused<InvalidDataException>("holds no tensor", f => Rewrite(f, (_, _) => false));
        Refused<InvalidDataException>("another model", f =>
        {
            using var other = CausalLM.Create(LoraTests.Config(ModelFamily.Llama), 1);
            other.AddLora();
            other.SaveLora(f.Path);
        });
        Refused<NotSupportedException>("'base_model.model.score.weight' is no matrix of plain LoRA", f =>
        {
            using var odd = ones(2, 2);
            SafetensorsFile.Write(f.In("adapter_model.safetensors"), [("base_model.model.score.weight", odd)]);
        });
    }

    private static void Copy(string name, TemporaryFolder folder)
    {
        foreach (var file in new[] { "adapter_config.json", "adapter_model.safetensors" })
        {
            File.Copy(Fixtures.Path($"lora/{name}/{file}"), folder.In(file));
        }
    }

    private static void Edit(TemporaryFolder folder, Action<JsonObject> edit)
    {
        var json = JsonNode.Parse(File.ReadAllText(folder.In("adapter_config.json")))!.AsObject();
        edit(json);
        File.WriteAllText(folder.In("adapter_config.json"), json.ToJsonString());
    }

    private static void Rewrite(TemporaryFolder folder, Func<string, Tensor, bool> keep, ScalarType? type = null)
    {
        using var scope = NewDisposeScope();
        using var file = SafetensorsFile.Open(folder.In("adapter_model.safetensors"));
        var tensors = file.Entries.Keys.Select(n => (n, file.Read(n).clone().to(type ?? ScalarType.Float32))).Where(t => keep(t.n, t.Item2)).ToArray();
        SafetensorsFile.Write(folder.In("adapter_model.safetensors"), tensors);
    }

    /// <summary>A fixture's base model with PEFT's adapter, and what PEFT computed.</summary>
    private sealed class PeftModel : IDisposable
    {
        public PeftModel(string name)
        {
            Folder = Fixtures.Path($"lora/{name}");
            Expected = Fixtures.Json($"lora/{name}/expected.json");
            BaseFolder = Fixtures.Path($"models/{Expected.GetProperty("base").GetString()}");
            Rows = [.. Fixtures.Json($"models/{Expected.GetProperty("base").GetString()}/expected.json").GetProperty("rows").EnumerateArray()
                .Select(r => r.EnumerateArray().Select(i => i.GetInt32()).ToArray())];
            Model = CausalLM.FromPretrained(BaseFolder);
            Model.LoadLora(Folder);
        }

        public string Folder { get; }

        public string BaseFolder { get; }

        public CausalLM Model { get; }

        public int[][] Rows { get; }

        public System.Text.Json.JsonElement Expected { get; }

        public float[] LastLogits() => LastLogits(Model, Rows[0]);

        public static float[] LastLogits(CausalLM model, int[] row)
        {
            using var scope = NewDisposeScope();
            using var _ = no_grad();
            using var tokens = model.Pack([row]);
            return LoraTests.Values(model.Logits(model.Hidden(tokens))[-1]);
        }

        public void Dispose() => Model.Dispose();
    }
}
